//go:build goexperiment.jsonv2

package shape_test

import "encoding/json/v2"

func init() {
	codecs = append(codecs, codec{
		"encoding/json/v2",
		func(b []byte, to any) error { return json.Unmarshal(b, to) },
		func(from any) ([]byte, error) { return json.Marshal(from) },
	})
}
