package store

import "drawbridge/schema"

// Records are kept as JSON, and those that are read with every request and every
// step of provisioning are decoded here: several times as fast as encoding/json
// does, because what is read is what this package wrote. Each function knows the
// members of one type. Whatever else it meets, a member that is new or a text with
// an escape in it, it gives up, and encoding/json reads the record (decode).

func readIdentity(_, value []byte) (i schema.Identity, ok bool) {
	o := object{rest: value}
	for name := range o.members() {
		switch string(name) {
		case "id":
			i.ID = o.text()
		case "source":
			i.Source = o.text()
		case "kind":
			i.Kind = schema.Kind(o.text())
		case "userName":
			i.UserName = o.text()
		case "externalId":
			i.ExternalID = o.text()
		case "email":
			i.Email = o.text()
		case "active":
			i.Active = o.truth()
		case "resource":
			i.Resource = o.raw()
		case "version":
			i.Version = o.number()
		case "created":
			i.Created = o.time()
		case "modified":
			i.Modified = o.time()
		case "deleted":
			i.Deleted = o.time()
		case "occurred":
			i.Occurred = o.time()
		case "otherEmails":
			i.OtherEmails = o.texts()
		case "unique":
			i.Unique = o.texts()
		case "of":
			i.Of = o.text()
		case "place":
			i.Place = schema.Place(o.text())
		case "bound":
			i.Bound = o.truth()
		case "apart":
			i.Apart = o.truth()
		case "lapsed":
			i.Lapsed = o.truth()
		default:
			o.lost = true
		}
	}
	return i, o.whole()
}

// Told reports whether a source told of an identity with an id, and whether it said
// since that it is gone. It reads nothing else of the record: whoever puts very many
// into a group asks it of each.
func Told(r Reader, source, id string) (told, gone bool, err error) {
	t := r.transaction()
	key := t.lookup(id)
	value, err := t.get(Identities.name, key)
	if err != nil || value == nil {
		return false, false, err
	}
	o := object{rest: value}
	for name := range o.members() {
		switch string(name) {
		case "source":
			told = string(o.between()) == source
		case "deleted":
			gone = !o.time().IsZero()
		default:
			o.pass(0)
		}
	}
	if o.whole() {
		return told, gone, nil
	}
	i, err := Identities.decode(key, value)
	return i.Source == source, i.Gone(), err
}

func readGroup(_, value []byte) (g schema.Group, ok bool) {
	o := object{rest: value}
	for name := range o.members() {
		switch string(name) {
		case "id":
			g.ID = o.text()
		case "source":
			g.Source = o.text()
		case "displayName":
			g.DisplayName = o.text()
		case "externalId":
			g.ExternalID = o.text()
		case "resource":
			g.Resource = o.raw()
		case "version":
			g.Version = o.number()
		case "created":
			g.Created = o.time()
		case "modified":
			g.Modified = o.time()
		case "unique":
			g.Unique = o.texts()
		default:
			o.lost = true
		}
	}
	return g, o.whole()
}

func readGrant(_, value []byte) (g schema.Grant, ok bool) {
	o := object{rest: value}
	for name := range o.members() {
		switch string(name) {
		case "id":
			g.ID = o.text()
		case "identity":
			g.Identity = o.text()
		case "role":
			g.Role = o.text()
		case "from":
			g.From = o.time()
		case "until":
			g.Until = o.time()
		case "by":
			g.By = o.text()
		case "reason":
			g.Reason = o.text()
		case "ticket":
			g.Ticket = o.text()
		case "request":
			g.Request = o.text()
		case "excepted":
			g.Excepted = o.texts()
		case "approvals":
			o.lost = o.lost || g.Approvals != nil // twice: encoding/json knows what that means
			for range o.elements() {
				g.Approvals = append(g.Approvals, o.approval())
			}
		case "lastUsed":
			g.LastUsed = o.time()
		case "reviewed":
			g.Reviewed = o.time()
		case "ended":
			g.Ended = o.time()
		case "endedBy":
			g.EndedBy = o.text()
		default:
			o.lost = true
		}
	}
	return g, o.whole()
}

func (o *object) approval() (a schema.Approval) {
	for name := range o.members() {
		switch string(name) {
		case "by":
			a.By = o.text()
		case "at":
			a.At = o.time()
		case "stage":
			a.Stage = int(o.number())
		case "reason":
			a.Reason = o.text()
		case "auth":
			a.Auth = o.text()
		case "void":
			a.Void = o.text()
		default:
			o.lost = true
		}
	}
	return a
}

func readAssignment(_, value []byte) (a schema.Assignment, ok bool) {
	o := object{rest: value}
	for name := range o.members() {
		switch string(name) {
		case "identity":
			a.Identity = o.text()
		case "connector":
			a.Connector = o.text()
		case "entitlement":
			a.Entitlement = o.text()
		case "because":
			a.Because = o.texts()
		case "mode":
			a.Mode = schema.Mode(o.text())
		case "since":
			a.Since = o.time()
		case "released":
			a.Released = o.text()
		default:
			o.lost = true
		}
	}
	return a, o.whole()
}

func readAccount(_, value []byte) (a schema.Account, ok bool) {
	o := object{rest: value}
	for name := range o.members() {
		switch string(name) {
		case "connector":
			a.Connector = o.text()
		case "identity":
			a.Identity = o.text()
		case "remoteId":
			a.RemoteID = o.text()
		case "from":
			a.From = o.text()
		case "active":
			a.Active = o.truth()
		case "attributes":
			o.lost = o.lost || a.Attributes != nil
			a.Attributes = map[string]string{}
			for name := range o.members() {
				a.Attributes[string(name)] = o.text()
			}
		case "entitlements":
			a.Entitlements = o.texts()
		case "adopted":
			a.Adopted = o.truth()
		case "unearned":
			a.Unearned = o.truth()
		case "managed":
			a.Managed = o.texts()
		case "state":
			a.State = schema.State(o.text())
		case "problem":
			a.Problem = o.text()
		case "attempt":
			a.Attempt = int(o.number())
		case "observed":
			a.Observed = o.time()
		case "verified":
			a.Verified = o.truth()
		case "due":
			a.Due = o.change()
		case "last":
			a.Last = o.change()
		default:
			o.lost = true
		}
	}
	return a, o.whole()
}

func (o *object) change() (c schema.Change) {
	for name := range o.members() {
		switch string(name) {
		case "occurred":
			c.Occurred = o.time()
		case "received":
			c.Received = o.time()
		case "decided":
			c.Decided = o.time()
		case "sent":
			c.Sent = o.time()
		case "acknowledged":
			c.Acknowledged = o.time()
		case "verified":
			c.Verified = o.time()
		case "ends":
			c.Ends = o.truth()
		case "because":
			c.Because = o.texts()
		case "loses":
			c.Loses = o.texts()
		case "triggers":
			c.Triggers = o.texts()
		case "objective":
			c.Objective = o.time()
		case "missed":
			c.Missed = o.truth()
		case "left":
			c.Left = o.truth()
		default:
			o.lost = true
		}
	}
	return c
}
