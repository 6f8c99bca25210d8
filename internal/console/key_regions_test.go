package console_test

import (
	"net/http"
	"strings"
	"testing"

	"qkms/internal/kmstest"
)

// of is a client of the same person in another Region.
func of(c *kmstest.Client, region string) *kmstest.Client {
	there := *c
	there.Region = region
	return &there
}

// twoRegions is a server of two Regions, and a multi-Region key.
func twoRegions(t *testing.T, request string) (b *browser, root *kmstest.Client, id string) {
	t.Helper()
	s := kmstest.With(t, kmstest.Options{Console: true, Log: t.Output(), Regions: []string{"us-east-1", "eu-west-1"}})
	root = s.As(kmstest.Account)
	return signedIn(t, root), root, root.Must("CreateKey", request).String("KeyMetadata.KeyId")
}

func TestReplicate(t *testing.T) {
	b, root, id := twoRegions(t, `{"MultiRegion":true,"Description":"payments"}`)
	at := "/console/keys/" + id + "/regions"
	root.Must("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": strings.Replace(whole, `"Statement"`, `"Id":"of its own","Statement"`, 1)})
	p := b.get(at)
	p.want(http.StatusOK, "Primary", "you are here", "<option>eu-west-1</option>", "\npayments</textarea>", "Tags, aliases and grants are not copied")
	p.without("<option>us-east-1</option>", "New primary Region")
	b.post(at+"/replicate", "region", "us-east-1").want(http.StatusBadRequest, "us-east-1 cannot have a replica because it contains the primary.")
	b.post(at+"/replicate", "region", "ap-south-1", "description", "<b>").want(http.StatusBadRequest, "Region ap-south-1 is not a valid Region", "\n&lt;b&gt;</textarea>")
	b.post(at+"/replicate", "region", "eu-west-1", "tags", "no tag").want(http.StatusBadRequest, "name=value", "\nno tag</textarea>")
	b.post(at+"/replicate", "region", "eu-west-1", "csrf", "made-up").want(http.StatusForbidden, "StalePage")
	b.get(at).without("Replica</td>")

	p = b.post(at+"/replicate", "region", "eu-west-1", "description", "for Europe", "tags", "team=red", "policy", "copy")
	p.want(http.StatusOK, "The key is in eu-west-1, too.", "Replica</td>", ">Go to eu-west-1</button>", "serves no Region in which the key is not already", "Make another Region the primary one")
	there := of(root, "eu-west-1")
	if !has(there, "GetKeyPolicy", id, "of its own") || !has(there, "DescribeKey", id, "for Europe") || !has(there, "ListResourceTags", id, "red") {
		t.Error("the replica has not what was typed")
	}
	b.post(at+"/replicate", "region", "eu-west-1").want(http.StatusBadRequest, "AlreadyExistsException")

	there.Must("DisableKey", map[string]any{"KeyId": id})
	b.get(at).want(http.StatusOK, `<span class="state Disabled">Disabled</span>`)
	b.post("/console/region", "region", "eu-west-1", "to", at).want(http.StatusOK, "Regions of key "+id, "That is done where the primary is, in us-east-1")
	b.post(at+"/replicate", "region", "us-east-1").want(http.StatusBadRequest, "is not a multi-region primary key")
	if p := b.post("/console/region", "region", "us-east-1", "to", "//elsewhere.example/console/"); p.res.Request.URL.Host != b.get("/console/keys").res.Request.URL.Host {
		t.Errorf("changing the Region led to %s", p.res.Request.URL)
	}
}

// A replica without a policy sent with it has that of a new key, which is said beside the choice.
func TestReplicateWithTheDefaultPolicy(t *testing.T) {
	b, root, id := aKey(t, `{"MultiRegion":true}`)
	root.Must("PutKeyPolicy", map[string]any{"KeyId": id, "Policy": strings.Replace(whole, `"Statement"`, `"Id":"of its own","Statement"`, 1)})
	at := "/console/keys/" + id + "/regions"
	b.get(at).want(http.StatusOK, "This server serves every Region.", "more people, perhaps")
	b.post(at+"/replicate", "region", "eu-west-1", "policy", "default").want(http.StatusOK, "The key is in eu-west-1")
	if has(of(root, "eu-west-1"), "GetKeyPolicy", id, "of its own") {
		t.Error("the replica has the primary's policy")
	}
}

func TestMovePrimary(t *testing.T) {
	b, root, id := twoRegions(t, `{"MultiRegion":true}`)
	at := "/console/keys/" + id + "/regions"
	root.Must("ReplicateKey", map[string]any{"KeyId": id, "ReplicaRegion": "eu-west-1"})
	there := of(root, "eu-west-1")
	b.get(at).want(http.StatusOK, "New primary Region", "<option>eu-west-1</option>", "becomes a replica")
	there.Must("DisableKey", map[string]any{"KeyId": id})
	b.post(at+"/primary", "region", "eu-west-1").want(http.StatusBadRequest, "DisabledException", "eu-west-1")
	b.post(at+"/primary", "region", "ap-south-1").want(http.StatusBadRequest, "This server does not serve the Region ap-south-1. It serves us-east-1, eu-west-1")
	b.post(at+"/primary", "region", "us-east-1").want(http.StatusOK, "The primary is here already, in us-east-1: nothing was changed.", "New primary Region")
	there.Must("EnableKey", map[string]any{"KeyId": id})
	b.post(at+"/primary", "region", "eu-west-1", "csrf", "made-up").want(http.StatusForbidden, "StalePage")
	if !has(root, "DescribeKey", id, `"MultiRegionKeyType":"PRIMARY"`) {
		t.Fatal("the primary is elsewhere")
	}
	b.post(at+"/primary", "region", "eu-west-1").want(http.StatusOK, "The primary is in eu-west-1 now", "That is done where the primary is, in eu-west-1")
	if !has(there, "DescribeKey", id, `"MultiRegionKeyType":"PRIMARY"`) {
		t.Error("the primary is where it was")
	}
}

// A key that is in one Region stays there; imported material does not go along; and what is not for one to do or see is refused in its place.
func TestRegionsRefused(t *testing.T) {
	b, root, id := aKey(t, `{}`)
	b.get("/console/keys/" + id).without("/regions\"")
	b.get("/console/keys/"+id+"/regions").want(http.StatusOK, "in this Region alone")
	b.post("/console/keys/"+id+"/regions/replicate", "region", "eu-west-1").want(http.StatusBadRequest, "is not a multi-region primary key")
	b.post("/console/keys/"+id+"/regions/primary", "region", "eu-west-1").want(http.StatusBadRequest, "is not a multi-Region primary key")

	id = root.Must("CreateKey", `{"MultiRegion":true,"Origin":"EXTERNAL"}`).String("KeyMetadata.KeyId")
	at := "/console/keys/" + id + "/regions"
	bring(t, root, id)
	b.get(at).want(http.StatusOK, "Imported material is not copied")
	b.post(at+"/replicate", "region", "eu-west-1").want(http.StatusOK, "It has no material there", "PendingImport")
	b.post("/console/region", "region", "eu-west-1", "to", "/console/keys/"+id+"/import").want(http.StatusOK, "This is a replica: it takes the materials of its primary")

	ann := signedIn(t, root.Server.NewUser(kmstest.Account, "ann", document(`{"Effect":"Allow","Action":["kms:DescribeKey","kms:ReplicateKey","kms:CreateKey"],"Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-east-1"}}}`)))
	ann.get(at).want(http.StatusOK, "Primary", "Not for you to see", "kms:DescribeKey")
	ann.post(at+"/replicate", "region", "ap-south-1").want(http.StatusForbidden, "kms:GetKeyPolicy")
	ann.post(at+"/replicate", "region", "ap-south-1", "policy", "default").want(http.StatusForbidden, "kms:CreateKey")
	ann.post(at+"/primary", "region", "eu-west-1").want(http.StatusForbidden, "kms:UpdatePrimaryRegion")
	stranger := signedIn(t, root.Server.As("444455556666"))
	stranger.get(at).want(http.StatusNotFound, "NotFoundException")
	stranger.post(at+"/replicate", "region", "ap-south-1", "policy", "default").want(http.StatusNotFound, "NotFoundException")
	stranger.post(at+"/primary", "region", "eu-west-1").want(http.StatusNotFound, "NotFoundException")
}
