package scim

import (
	"strings"
	"testing"
)

// TestMeans refuses what is said to be another resource or message of the standard,
// and takes names that only look like one.
func TestMeans(t *testing.T) {
	for _, name := range []string{
		UserURN, UserURN + " ", UserURN + ":", strings.ToUpper(UserURN),
		resourceURNs, resourceURNs + "PatchOp", resourceURNs + "User:PatchOp", resourceURNs + "EnterpriseUser", messageURNs + "User", EnterpriseURN,
	} {
		if err := means([]byte(`["`+name+`"]`), UserURN); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, of := range standard {
		if of == UserURN {
			continue
		}
		for _, name := range []string{of, strings.ToUpper(of), of + ":", strings.Repeat(" ", 100_000) + of} {
			err := means([]byte(`["`+name+`"]`), UserURN)
			if err == nil {
				t.Errorf("a %s is taken for a user", of)
			} else if said := err.Error(); !strings.Contains(strings.ToLower(said), strings.ToLower(of)) || len(said) > 300 {
				t.Errorf("a %s is refused in %d bytes: %.300s", of, len(said), said)
			}
		}
	}
}
