package scim

import "time"

// What every resource has. Of resourceType, resources of one type have the same value.
const (
	commonID       = "id"
	commonSchemas  = "schemas"
	commonMeta     = "meta"
	commonCreated  = "meta.created"
	commonModified = "meta.lastModified"
	commonLocation = "meta.location"
	commonVersion  = "meta.version"
	resourceType   = "meta.resourceType"
)

// commons are all of these, and what each is.
var commons = []struct {
	name string
	kind Kind
}{
	{commonID, String},
	{commonSchemas, Reference},
	{commonMeta, Complex},
	{commonCreated, DateTime},
	{commonModified, DateTime},
	{commonLocation, Reference},
	{commonVersion, String},
	{resourceType, String},
}

// common returns what every resource has that a path names (RFC 7643, section 3.1), the
// schema's URN before it or not.
func (t *Type) common(path string) (name string, kind Kind, ok bool) {
	if urn, rest, found := t.urnOf(path); found && urn == t.Schemas[0].ID {
		path = rest
	}
	for _, c := range commons {
		if fold(path) == fold(c.name) {
			return c.name, c.kind, true
		}
	}
	return "", "", false
}

// resolveCommon makes a comparison one with what every resource has.
func (p *parser) resolveCommon(e *expr, path string) (ok bool, err error) {
	name, kind, ok := p.typ.common(path)
	if !ok {
		return false, nil
	}
	e.of, e.common = p.typ, name
	return true, e.fit(name, kind)
}

// matchCommon is match for what every resource has.
func (e *expr) matchCommon(c *Candidate) (ok bool, err error) {
	switch e.common {
	case commonID:
		return e.compareText(c.ID, true), nil
	case commonCreated:
		return e.compareTime(shown(c.Created)), nil
	case commonModified:
		return e.compareTime(shown(c.Modified)), nil
	case resourceType:
		return e.compareText(e.of.Name, true), nil
	case commonLocation:
		return e.compareText(c.Location(), true), nil
	case commonVersion:
		version, err := c.Version(c.spend)
		return err == nil && e.compareText(version, true), err
	case commonSchemas:
		for urn := range elements(e.of.SchemasOf(nil, c.Resource)) {
			ok = ok || e.compareText(text(urn), false) // a URN's case makes no difference
		}
		return ok, nil
	default: // meta, of which can only be asked whether there is one
		return true, nil
	}
}

// shown is a time as meta shows it, so that who asks for what they were shown finds it.
func shown(at time.Time) time.Time { return at.Truncate(time.Millisecond) }
