package store

import (
	"drawbridge/schema"
	"drawbridge/schema/jsonscan"
)

// Records are kept as JSON, and those that are read with every request and every
// step of provisioning are decoded here: several times as fast as encoding/json
// does, because what is read is what this package wrote. Each function knows the
// members of one type. Whatever else it meets, a member that is new or a text with
// an escape in it, it gives up, and encoding/json reads the record (decode).

func readIdentity(_, value []byte) (i schema.Identity, ok bool) {
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "id":
			i.ID = o.Text()
		case "source":
			i.Source = o.Text()
		case "kind":
			i.Kind = schema.Kind(o.Text())
		case "userName":
			i.UserName = o.Text()
		case "externalId":
			i.ExternalID = o.Text()
		case "email":
			i.Email = o.Text()
		case "active":
			i.Active = o.Truth()
		case "resource":
			i.Resource = o.Raw()
		case "version":
			i.Version = o.Number()
		case "created":
			i.Created = o.Time()
		case "modified":
			i.Modified = o.Time()
		case "deleted":
			i.Deleted = o.Time()
		case "occurred":
			i.Occurred = o.Time()
		case "otherEmails":
			i.OtherEmails = o.Texts()
		case "unique":
			i.Unique = o.Texts()
		case "of":
			i.Of = o.Text()
		case "place":
			i.Place = schema.Place(o.Text())
		case "bound":
			i.Bound = o.Truth()
		case "apart":
			i.Apart = o.Truth()
		case "lapsed":
			i.Lapsed = o.Truth()
		default:
			o.Lose()
		}
	}
	return i, o.Whole()
}

// Told reports whether a source told of an identity with an id, and whether it said
// since that it is gone. It reads nothing else of the record: whoever puts very many
// into a group asks it of each.
func Told(r Reader, source, id string) (told, gone bool, err error) {
	t := r.transaction()
	key := t.lookup(id)
	value, err := t.get(Identities.all.name, key)
	if err != nil || value == nil {
		return false, false, err
	}
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "source":
			told = string(o.Bytes()) == source
		case "deleted":
			gone = !o.Time().IsZero()
		default:
			o.Skip()
		}
	}
	if o.Whole() {
		return told, gone, nil
	}
	var i schema.Identity
	err = Identities.all.decode(key, value, &i)
	return i.Source == source, i.Gone(), err
}

func readGroup(_, value []byte) (g schema.Group, ok bool) {
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "id":
			g.ID = o.Text()
		case "source":
			g.Source = o.Text()
		case "displayName":
			g.DisplayName = o.Text()
		case "externalId":
			g.ExternalID = o.Text()
		case "resource":
			g.Resource = o.Raw()
		case "version":
			g.Version = o.Number()
		case "created":
			g.Created = o.Time()
		case "modified":
			g.Modified = o.Time()
		case "unique":
			g.Unique = o.Texts()
		default:
			o.Lose()
		}
	}
	return g, o.Whole()
}

func readGrant(_, value []byte) (g schema.Grant, ok bool) {
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "id":
			g.ID = o.Text()
		case "identity":
			g.Identity = o.Text()
		case "role":
			g.Role = o.Text()
		case "from":
			g.From = o.Time()
		case "until":
			g.Until = o.Time()
		case "permanent":
			g.Permanent = o.Text()
		case "by":
			g.By = o.Text()
		case "reason":
			g.Reason = o.Text()
		case "ticket":
			g.Ticket = o.Text()
		case "request":
			g.Request = o.Text()
		case "excepted":
			g.Excepted = o.Texts()
		case "approvals":
			o.LoseIf(g.Approvals != nil) // twice: encoding/json knows what that means
			for range o.Elements() {
				g.Approvals = append(g.Approvals, readApproval(&o))
			}
		case "lastUsed":
			g.LastUsed = o.Time()
		case "reviewed":
			g.Reviewed = o.Time()
		case "ended":
			g.Ended = o.Time()
		case "endedBy":
			g.EndedBy = o.Text()
		default:
			o.Lose()
		}
	}
	return g, o.Whole()
}

func readApproval(o *jsonscan.Scanner) (a schema.Approval) {
	for name := range o.Members() {
		switch string(name) {
		case "by":
			a.By = o.Text()
		case "at":
			a.At = o.Time()
		case "stage":
			a.Stage = int(o.Number())
		case "reason":
			a.Reason = o.Text()
		case "auth":
			a.Auth = o.Text()
		case "void":
			a.Void = o.Text()
		default:
			o.Lose()
		}
	}
	return a
}

func readAssignment(_, value []byte) (a schema.Assignment, ok bool) {
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "identity":
			a.Identity = o.Text()
		case "connector":
			a.Connector = o.Text()
		case "entitlement":
			a.Entitlement = o.Text()
		case "because":
			a.Because = o.Texts()
		case "mode":
			a.Mode = schema.Mode(o.Text())
		case "since":
			a.Since = o.Time()
		case "released":
			a.Released = o.Text()
		default:
			o.Lose()
		}
	}
	return a, o.Whole()
}

func readAccount(_, value []byte) (a schema.Account, ok bool) {
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "connector":
			a.Connector = o.Text()
		case "identity":
			a.Identity = o.Text()
		case "remoteId":
			a.RemoteID = o.Text()
		case "from":
			a.From = o.Text()
		case "active":
			a.Active = o.Truth()
		case "attributes":
			o.LoseIf(a.Attributes != nil)
			a.Attributes = map[string]string{}
			for name := range o.Members() {
				a.Attributes[string(name)] = o.Text()
			}
		case "entitlements":
			a.Entitlements = o.Texts()
		case "adopted":
			a.Adopted = o.Truth()
		case "unearned":
			a.Unearned = o.Truth()
		case "managed":
			a.Managed = o.Texts()
		case "state":
			a.State = schema.State(o.Text())
		case "problem":
			a.Problem = o.Text()
		case "waitsFor":
			a.WaitsFor = o.Text()
		case "attempt":
			a.Attempt = int(o.Number())
		case "observed":
			a.Observed = o.Time()
		case "verified":
			a.Verified = o.Truth()
		case "due":
			a.Due = readChange(&o)
		case "last":
			a.Last = readChange(&o)
		default:
			o.Lose()
		}
	}
	return a, o.Whole()
}

func readChange(o *jsonscan.Scanner) (c schema.Change) {
	for name := range o.Members() {
		switch string(name) {
		case "occurred":
			c.Occurred = o.Time()
		case "received":
			c.Received = o.Time()
		case "decided":
			c.Decided = o.Time()
		case "sent":
			c.Sent = o.Time()
		case "acknowledged":
			c.Acknowledged = o.Time()
		case "verified":
			c.Verified = o.Time()
		case "ends":
			c.Ends = o.Truth()
		case "because":
			c.Because = o.Texts()
		case "loses":
			c.Loses = o.Texts()
		case "triggers":
			c.Triggers = o.Texts()
		case "objective":
			c.Objective = o.Time()
		case "missed":
			c.Missed = o.Truth()
		case "left":
			c.Left = o.Truth()
		default:
			o.Lose()
		}
	}
	return c
}

// readWindow is for reports, which read every window of a period.
func readWindow(_, value []byte) (w schema.Window, ok bool) {
	o := jsonscan.Of(value)
	for name := range o.Members() {
		switch string(name) {
		case "id":
			w.ID = o.Text()
		case "connector":
			w.Connector = o.Text()
		case "identity":
			w.Identity = o.Text()
		case "change":
			w.Change = readChange(&o)
		case "closed":
			w.Closed = o.Time()
		case "moot":
			w.Moot = o.Truth()
		default:
			o.Lose()
		}
	}
	return w, o.Whole()
}
