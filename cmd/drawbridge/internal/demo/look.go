package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"drawbridge/schema"
	"drawbridge/store"
)

// lines returns what policy has assigned to somebody.
func (s *stage) lines(ctx context.Context, userName string) (lines []schema.Assignment, err error) {
	err = s.bridge.Store().View(ctx, func(r store.Reader) error {
		lines = nil
		for a, err := range store.Assignments.All(r, s.idp.users[userName]) {
			if err != nil {
				return err
			}
			lines = append(lines, a)
		}
		return nil
	})
	return lines, err
}

// holds says what somebody holds, and because of which roles.
func (s *stage) holds(ctx context.Context, userName string) (string, error) {
	lines, err := s.lines(ctx, userName)
	if err != nil || len(lines) == 0 {
		return "nothing", err
	}
	var refs, roles []string
	for _, a := range lines {
		refs = append(refs, a.Ref())
		for _, b := range a.Because {
			if role, ok := strings.CutPrefix(b, "role/"); ok && !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	return strings.Join(refs, " ") + s.paint(faint, "  by "+strings.Join(roles, ", ")), nil
}

// api says something to the bridge as the person at the console does.
func (s *stage) api(ctx context.Context, path string, body any) error {
	return s.post(ctx, s.admin, path, body, nil)
}

// post says something to the bridge by a token, and reads the answer into what is
// not nil.
func (s *stage) post(ctx context.Context, token, path string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.bridge.URL()+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.idp.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }() // it was read
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<16))
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("POST %s: %s: %s", path, res.Status, answer)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(answer, into)
	}
	return err
}

// invite says what else there is to try.
func (s *stage) invite() {
	s.title("It stays up until Ctrl-C. In another terminal:")
	user := "anna.kowalska" + domain
	for line := range strings.Lines(fmt.Sprintf(invitation,
		s.admin, s.idp.token, s.bridge.URL(), user, s.idp.users[user], s.targets.journal)) {
		s.print("%*s%s", margin, "", line) // as it is, to be copied
	}
}

const invitation = `export DRAWBRIDGE_TOKEN=%[1]s SOURCE_TOKEN=%[2]s
export DRAWBRIDGE_SERVER=%[3]s

# In a browser: %[3]s/console/, where that token logs you in.

# What somebody should have, and why.
go run ./cmd/drawbridge access list %[4]s
go run ./cmd/drawbridge access explain %[4]s wiki/runbooks

# The identity provider lets them go: explain again.
curl -s -X PATCH $DRAWBRIDGE_SERVER/scim/v2/Users/%[5]s \
     -H "Authorization: Bearer $SOURCE_TOKEN" -H 'Content-Type: application/scim+json' \
     -d '{"Operations":[{"op":"replace","path":"active","value":false}]}'

# What the sweeps found, what the door system was told, and the exposure windows so far.
go run ./cmd/drawbridge sweep list
tail -n 3 %[6]s
curl -s $DRAWBRIDGE_SERVER/metrics | grep drawbridge_exposure_seconds_sum
`

// name is a userName without what all of them share.
func name(userName string) string { return strings.TrimSuffix(userName, domain) }

// round leaves as many digits as one reads.
func round(d time.Duration) time.Duration {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond)
	case d < 100*time.Millisecond:
		return d.Round(100 * time.Microsecond)
	case d < time.Second:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Millisecond)
}
