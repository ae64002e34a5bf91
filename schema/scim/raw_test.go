package scim_test

import (
	"encoding/json"
	"strings"
	"testing"

	"drawbridge/schema/scim"
)

func TestRaw(t *testing.T) {
	for _, row := range []struct{ name, body, want string }{
		{"as it was sent", ` { "userName" : "a" , "shoeSize": 36.50, "x": [ true, null, {"b": "\u00e9"} ] } `, `{"userName":"a","shoeSize":36.50,"x":[true,null,{"b":"\u00e9"}]}`},
		{"secrets", `{"password":"p","x":{"apiKey":["k"],"clientSecret":{"v":1}},"PassWord":"q","urn:a:User":{"resetToken":"t"}}`,
			`{"password":"(removed)","x":{"apiKey":"(removed)","clientSecret":"(removed)"},"PassWord":"(removed)","urn:a:User":{"resetToken":"(removed)"}}`},
		{"secrets by path", `{"Operations":[{"op":"add","value":"p","path":"password"},{"op":"add","path":"x","value":"y"},{"op":"add","value":{"password":"p"}}]}`,
			`{"Operations":[{"op":"add","value":"(removed)","path":"password"},{"op":"add","path":"x","value":"y"},{"op":"add","value":{"password":"(removed)"}}]}`},
		{"members", `{"displayName":"g","members":[{"value":"u"}],"Operations":{"path":"members","value":[{"value":"u"}]}}`,
			`{"displayName":"g","members":"(left out)","Operations":{"path":"members","value":"(left out)"}}`},
	} {
		got, cut := scim.Raw([]byte(row.body), 4096)
		if string(got) != row.want || cut {
			t.Errorf("%s: kept %s, want %s", row.name, got, row.want)
		}
	}
}

func TestRawIsBounded(t *testing.T) {
	many := strings.TrimSuffix(strings.Repeat(`"k":[1,2],`, 10_000), ",")
	for name, body := range map[string]string{
		"a long text":   `{"a":"` + strings.Repeat("x", 100_000) + `","b":1}`,
		"many keys":     `{` + many + `}`,
		"a long list":   `{"a":[` + strings.TrimSuffix(strings.Repeat("1,", 50_000), ",") + `]}`,
		"a long key":    `{"` + strings.Repeat("k", 50_000) + `":1,"b":1}`,
		"lists in list": `{"a":[` + strings.TrimSuffix(strings.Repeat(`{"b":["c"]},`, 10_000), ",") + `]}`,
	} {
		got, cut := scim.Raw([]byte(body), 1000)
		if len(got) > 1100 || !cut || !json.Valid(got) {
			t.Errorf("%s: kept %d bytes, cut %v, valid %v", name, len(got), cut, json.Valid(got))
		}
	}
}
