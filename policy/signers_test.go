package policy

import (
	"fmt"
	"strings"
	"testing"
)

// TestSigners holds that a policy which is to be signed names who may, each by a key that
// is one and theirs (R-PUB-2).
func TestSigners(t *testing.T) {
	const (
		ann = "{ user: ann@example.org, key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHMoKhKHwHePpF1/7ZSAGm7s7D4vcqsciXsJSWz/CjJs ann@laptop }"
		bob = "{ user: bob@example.org, key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHMoKhKHwHePpF1/7ZSAGm7s7D4vcqsciXsJSWz/CjJs }"
	)
	for name, test := range map[string]struct {
		publication string
		want        string // CODE LINE:COL, and how the message begins
	}{
		"somebody is named":   {"signedCommits: true, signers: [" + ann + "]", ""},
		"nobody is named":     {"signedCommits: true", "E-APPROVER 16:51 the next policy is to be signed"},
		"no key":              {"signers: [{ user: ann@example.org, key: ssh-ed25519 AAAA }]", "E-DECODE 16:46 a signer is a person and one public key"},
		"nobody's key":        {"signers: [" + strings.Replace(ann, "user: ann@example.org, ", "", 1) + "]", "E-DECODE 16:46 "},
		"a key that is bound": {"signers: [" + strings.Replace(ann, "key: ", `key: no-pty `, 1) + "]", "E-DECODE 16:46 a signer is"},
		"in a folder":         {"signedCommits: true, folder: access/policy, signers: [" + ann + "]", ""},
		"all of it":           {"signedCommits: true, folder: ., signers: [" + ann + "]", ""},
		"a folder elsewhere":  {"folder: ../policy", `E-DECODE 16:44 "../policy" is no folder of a repository`},
		"a folder of a disk":  {"folder: /policy", `E-DECODE 16:44 "/policy" is no folder`},
		"a folder with more":  {"folder: policy/", `E-DECODE 16:44 "policy/" is no folder`},
		"one key of two":      {"signers: [" + ann + ", " + bob + "]", "E-DECODE 16:171 ann@example.org and bob@example.org have one key"},
	} {
		t.Run(name, func(t *testing.T) {
			base := strings.Replace(baseText(t), "publication: { require: [modes] }", "publication: { require: [modes], "+test.publication+" }", 1)
			_, found := lint(folder(t, map[string]string{"base.yaml": base}))
			var got []string
			for _, f := range found {
				got = append(got, fmt.Sprintf("%s %d:%d %s", f.Code, f.Line, f.Col, f.Message))
			}
			if len(got) > 1 || (test.want == "") != (len(got) == 0) || !strings.HasPrefix(strings.Join(got, ""), test.want) {
				t.Errorf("found %q, want %q", got, test.want)
			}
		})
	}
}
