package console

import (
	"net/http"
	"strings"
)

func (v *visit) accessKeysOf(user string) ([]accessKey, error) {
	var out struct {
		All []accessKey `xml:"AccessKeyMetadata>member"`
	}
	if err := v.iam("ListAccessKeys", &out, "UserName", user); err != nil {
		return nil, err
	}
	for i := range out.All {
		k := &out.All[i]
		var last struct {
			Date    string `xml:"AccessKeyLastUsed>LastUsedDate"`
			Service string `xml:"AccessKeyLastUsed>ServiceName"`
			Region  string `xml:"AccessKeyLastUsed>Region"`
		}
		switch err := v.iam("GetAccessKeyLastUsed", &last, "AccessKeyId", k.AccessKeyId); {
		case refusalOf(err) != nil:
			k.LastUsed = "not for you to see"
		case err != nil:
			return nil, err
		case last.Date != "":
			k.LastUsed, k.Service, k.Region = strings.NewReplacer("T", " ", "Z", " UTC").Replace(last.Date), last.Service, last.Region
		}
	}
	return out.All, nil
}

// A newAccessKey is shown once: the answer to the form has it, and nothing else ever will.
type newAccessKey struct {
	UserName        string
	AccessKeyId     string
	SecretAccessKey string
}

// createAccessKey answers with the secret itself instead of going on to another page: what it would be carried in there could
// keep it.
func (v *visit) createAccessKey() error {
	user := v.hr.PathValue("name")
	var out struct{ AccessKey newAccessKey }
	err := v.iam("CreateAccessKey", &out, "UserName", user)
	if refusal := refusalOf(err); refusal != nil {
		return v.identity(refusal, "")
	}
	if err != nil {
		return err
	}
	out.AccessKey.UserName = user
	v.show(http.StatusOK, "user-key", "A new access key", out.AccessKey)
	return nil
}
