package console_test

import (
	"net/http"
	"testing"
)

// A Region that is not served has no keys to look at, and no way there; whoever is signed in stays so.
func TestRegionNotServed(t *testing.T) {
	b, root, id := twoRegions(t, `{"MultiRegion":true}`)
	root.Must("ReplicateKey", map[string]any{"KeyId": id, "ReplicaRegion": "eu-west-1"})
	b.post("/console/region", "region", "ap-south-1").want(http.StatusBadRequest, "This server does not serve the Region ap-south-1. It serves us-east-1, eu-west-1", "Sign out")
	b.post("/console/region", "region", "us east").want(http.StatusBadRequest, "A Region is written like us-east-1.", "Sign out")
	b.get("/console/keys").want(http.StatusOK, "Sign out", id)
	p := open(t, root.Server).post("/console/sign-in", "access-key-id", root.AccessKeyID, "secret", root.Secret, "region", "ap-south-1")
	p.want(http.StatusForbidden, "This server does not serve the Region ap-south-1.")
	p.without("eu-west-1")

	at := "/console/keys/" + id + "/regions"
	root.Server.RestartServing("us-east-1")
	b = signedIn(t, of(root, "us-east-1"))
	p = b.get(at)
	p.want(http.StatusOK, "Sign out", "This server does not serve this Region", "Replica</td>")
	p.without("Go to eu-west-1", "New primary Region")
	b.post(at+"/primary", "region", "eu-west-1").want(http.StatusBadRequest, "This server does not serve the Region eu-west-1.")
	if !has(root, "DescribeKey", id, `"MultiRegionKeyType":"PRIMARY"`) {
		t.Error("the primary is where nobody can go")
	}
}

// Who is in a Region that a restart has taken away is told, and can go to another one.
func TestRegionTakenAway(t *testing.T) {
	b, root, id := twoRegions(t, `{"MultiRegion":true}`)
	root.Must("ReplicateKey", map[string]any{"KeyId": id, "ReplicaRegion": "eu-west-1"})
	root.Server.RestartServing("eu-west-1")
	at := "/console/keys/" + id
	b.get(at).want(http.StatusBadRequest, "This server does not serve the Region us-east-1. It serves eu-west-1", "Sign out")
	b.post("/console/region", "region", "eu-west-1", "to", at+"/regions").want(http.StatusOK, "That is done where the primary is, in us-east-1, which this server does not serve", "you are here")
}
