package demo

import (
	"context"
	"net/url"
)

// request has somebody ask for a role, and others agree to it one after the other.
// Each is known by a token that has their name.
func (s *stage) request(ctx context.Context, who string, asked map[string]any, agree ...string) error {
	token, err := s.token(ctx, who, "viewer")
	if err != nil {
		return err
	}
	var request struct{ ID string }
	if err := s.post(ctx, token, "/requests", asked, &request); err != nil {
		return err
	}
	for _, name := range agree {
		if token, err = s.token(ctx, name, "approver"); err != nil {
			return err
		}
		path := "/requests/" + url.PathEscape(request.ID) + "/approve"
		if err := s.post(ctx, token, path, map[string]any{"reason": "it is due"}, nil); err != nil {
			return err
		}
	}
	return nil
}

// token issues a token for a person, and returns its secret.
func (s *stage) token(ctx context.Context, name, role string) (string, error) {
	var issued struct{ Secret string }
	err := s.post(ctx, s.admin, "/tokens", map[string]any{"name": name, "role": role}, &issued)
	return issued.Secret, err
}
