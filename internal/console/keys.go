package console

// A keyRow is one key in the list.
type keyRow struct {
	ID string
	metadata
	Aliases []string
	Refusal *Refusal // of DescribeKey: the key is listed, and the rest is not for this visitor to see
}

// metadata is what DescribeKey says of a key, as far as pages show it.
type metadata struct {
	Arn          string
	KeyId        string
	Description  string
	Enabled      bool
	KeyState     string
	KeySpec      string
	KeyUsage     string
	Origin       string
	KeyManager   string
	MultiRegion  bool
	CreationDate Epoch
	DeletionDate Epoch
	ValidTo      Epoch
}

// keysPerPage is how many keys are on one page. Each is described by a request of its own.
const keysPerPage = 25

type keyList struct {
	Rows []keyRow
	Next string // marker of the page after; "" of the last
}

func (v *visit) keysPage() error {
	var listed struct {
		Keys       []struct{ KeyId string }
		NextMarker string
	}
	in := map[string]any{"Limit": keysPerPage}
	if m := v.hr.URL.Query().Get("marker"); m != "" {
		in["Marker"] = m
	}
	if err := v.kms("ListKeys", in, &listed); err != nil {
		return err
	}
	list := keyList{Next: listed.NextMarker}
	for _, k := range listed.Keys {
		row, err := v.keyRow(k.KeyId)
		if err != nil {
			return err
		}
		list.Rows = append(list.Rows, row)
	}
	return v.page("keys", "Keys", list)
}

// keyRow describes a key; that the visitor may not see it is no error of the page.
func (v *visit) keyRow(id string) (keyRow, error) {
	row := keyRow{ID: id}
	var out struct{ KeyMetadata metadata }
	err := v.kms("DescribeKey", map[string]any{"KeyId": id}, &out)
	if row.Refusal = refusalOf(err); row.Refusal != nil {
		return row, nil
	}
	row.metadata = out.KeyMetadata
	if err != nil {
		return row, err
	}
	var aliases struct{ Aliases []struct{ AliasName string } }
	if err := v.kms("ListAliases", map[string]any{"KeyId": id, "Limit": 3}, &aliases); err != nil && refusalOf(err) == nil {
		return row, err
	}
	for _, a := range aliases.Aliases {
		row.Aliases = append(row.Aliases, a.AliasName)
	}
	return row, nil
}
