package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"drawbridge/schema"
)

// The SCIM extensions in which attributes are looked for.
const (
	enterpriseUser = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	drawbridgeUser = "urn:drawbridge:scim:schemas:extension:2.0:User"
)

// recordAttributes are those of our own extension. They fill the fixed parts of
// identity and workload; a PolicySet may say where else a source keeps them.
var recordAttributes = []string{
	"employmentStatus", "startDate", "endDate", "owner", "repo", "environment", "attestation", "state", "lastSeen",
	"issuer", "audience", "subject",
}

// workloadAttributes are those of them that a source says of a workload.
var workloadAttributes = []string{"repo", "environment", "attestation", "state", "lastSeen", "issuer", "audience", "subject"}

// Attributes are what rules may read of one identity: what its source has
// authority to say, in the types that the PolicySet declares.
type Attributes struct {
	identity, workload *object
}

// Values returns the attributes that are there, by name: identity.department.
func (a Attributes) Values() map[string]any {
	values := map[string]any{}
	a.identity.values(values)
	a.workload.values(values)
	return values
}

func (o *object) values(into map[string]any) {
	if o == nil {
		return
	}
	for i, v := range o.slots {
		switch v := v.(type) {
		case nil, *types.Err:
		case *object:
			v.values(into)
		default:
			into[o.shape.path+"."+o.shape.fields[i].name] = native(v)
		}
	}
}

// native returns a CEL value as the log writes it.
func native(v ref.Val) any {
	switch v := v.(type) {
	case types.Timestamp:
		return v.UTC()
	case traits.Lister:
		list := []string{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			if s, ok := it.Next().(types.String); ok {
				list = append(list, string(s))
			}
		}
		return list
	}
	return v.Value()
}

// A finder says where in a record an attribute is, and what it must be.
type finder struct {
	slot     int
	name     string
	urn, key string // urn is empty for the core schema
	anywhere bool   // not in the core schema: look in the enterprise extension
	typ      string
	words    map[string]string
	zone     *time.Location // of days and times that say none; nil is UTC
	last     bool           // a day that is said is the last one
}

// A view is what one source may say.
type view struct {
	active, employment bool
	groups             int // slot, or -1
	identity           []finder
	record             []finder // of employment
	workload           []finder
	owner              *finder        // of a machine identity; nil if the source may not say
	ranks              map[string]int // by path: where it comes among the sources that say the attribute
	silenced           bool           // others claim something that targets are told

	silences []time.Duration // after how long one of the source something is concluded otherwise
}

// viewOf works out once what a source may say and where it says it.
func (b *Book) viewOf(source string) view {
	declared, s, zone := b.declared(), b.language.shapes, b.sources[source].zone()
	v := view{silences: b.silencesOf(source), active: b.Authority(source, "active"), employment: b.Authority(source, "employment"), groups: -1, ranks: map[string]int{}}
	for _, told := range toldAttributes {
		v.silenced = v.silenced || b.told(source, told) < 0
	}
	for i, f := range s.identity.fields {
		a, ok := declared[f.name]
		switch {
		case !ok || slices.Contains(fixedAttributes, f.name) || !b.Authority(source, f.name):
		case f.name == "groups" && a.Path == "":
			v.groups = i
		default:
			v.identity = append(v.identity, newFinder(i, f.name, a).in(zone))
			v.ranks["identity."+f.name] = b.rankOf(source, f.name)
		}
	}
	for slot, name := range map[string]string{"status": "employmentStatus", "startDate": "startDate", "endDate": "endDate"} {
		if v.employment {
			found := recordFinder(s.employment, slot, name, declared).in(zone)
			found.last = slot == lastDay
			v.record = append(v.record, found)
			v.ranks["identity.employment."+slot] = b.rankOf(source, "employment")
		}
	}
	for _, name := range workloadAttributes {
		if b.Authority(source, "workload") || b.Authority(source, name) {
			v.workload = append(v.workload, recordFinder(s.workload, name, name, declared).in(zone))
			v.ranks["workload."+name] = b.rankOfEither(source, name, "workload")
		}
	}
	if b.Authority(source, "workload") || b.Authority(source, "owner") {
		f := finder{name: "owner", urn: drawbridgeUser, key: "owner", typ: "string"}
		if a, ok := declared["owner"]; ok && a.Path != "" {
			f = newFinder(0, "owner", a)
		}
		v.owner = &f
		v.ranks["owner"] = b.rankOfEither(source, "owner", "workload")
	}
	return v
}

// rankOfEither is the rank of a source in what it may say under its own name, or
// under that of what it is a part of.
func (b *Book) rankOfEither(source, name, whole string) int {
	own, of := b.rankOf(source, name), b.rankOf(source, whole)
	if own < 0 || of >= 0 && of < own {
		return of
	}
	return own
}

// toldAttributes are those that targets are told of an identity, userName apart,
// without which there is no account.
var toldAttributes = []string{"displayName", "title", "userType", "name", "emails", "employeeNumber", "department"}

func newFinder(slot int, name string, a Attribute) finder {
	f := finder{slot: slot, name: name, key: name, anywhere: true, typ: a.Type, words: a.Map}
	if a.Path != "" {
		f.urn, f.key, f.anywhere = "", a.Path, false
		if i := strings.LastIndexByte(a.Path, ':'); i >= 0 {
			f.urn, f.key = a.Path[:i], a.Path[i+1:]
		}
	}
	return f
}

// recordFinder finds a part of our own extension, or where the PolicySet says
// that the source keeps it.
func recordFinder(s *shape, slot, name string, declared map[string]Attribute) finder {
	i := s.index[slot]
	typ := "string"
	if s.fields[i].typ == types.TimestampType {
		typ = "timestamp"
	}
	if a, ok := declared[name]; ok && a.Path != "" {
		a.Type = typ
		return newFinder(i, name, a)
	}
	return finder{slot: i, name: name, urn: drawbridgeUser, key: name, typ: typ}
}

// in is the finder, of a source in a time zone.
func (f finder) in(zone *time.Location) finder {
	f.zone = zone
	return f
}

// Attributes returns what rules may read of an identity, which is in the groups.
// An attribute that its source does not send, has no authority for, or sends in
// another type than the PolicySet declares, is absent.
func (b *Book) Attributes(id schema.Identity, groups []string) Attributes {
	s := b.language.shapes
	a := Attributes{identity: s.identity.new(), workload: s.workload.new()}
	v, known := b.views[id.Source]
	r := record{raw: id.Resource}
	kind := id.Kind
	if kind == "" {
		kind = schema.Human
	}
	a.identity.set("id", types.String(id.ID))
	a.identity.set("kind", types.String(kind))
	a.identity.set("userName", types.String(id.UserName))
	if !known {
		return a
	}
	if v.active {
		a.identity.set("active", types.Bool(id.Active && !id.Gone()))
	}
	if v.groups >= 0 {
		a.identity.slots[v.groups] = newTexts(groups)
	}
	r.fill(a.identity, v.identity)
	employment := s.employment.new()
	r.fill(employment, v.record)
	if status := employmentStatus(id, v, employment.slots[s.employment.index["status"]]); status != nil {
		employment.set("status", status)
	}
	a.identity.set("employment", employment)
	if kind != schema.Human && kind != schema.Guest {
		r.fill(a.workload, v.workload)
	}
	return a
}

// employmentStatus returns what is known of employment: that it ended, once the
// source deleted the identity; what the source says; else whether the identity
// is active.
func employmentStatus(id schema.Identity, v view, said ref.Val) ref.Val {
	switch {
	case id.Gone(): // of one that others know too, it is not asked
		return types.String("ended")
	case said != nil:
		return said
	case !v.active && !v.employment:
		return nil
	case id.Active:
		return types.String("active")
	}
	return types.String("suspended")
}

// A record is a source's own record of an identity, read only as far as asked.
type record struct {
	raw        json.RawMessage
	core       members
	extensions []extension
}

// An extension is what a record says in the schema of a URN.
type extension struct {
	urn   string
	inner members
}

func (r *record) fill(o *object, finders []finder) {
	for _, f := range finders {
		raw := r.find(f)
		if len(raw) == 0 {
			continue
		}
		if v := f.value(raw); v != nil {
			o.slots[f.slot] = v
		}
	}
}

func (r *record) find(f finder) json.RawMessage {
	if r.core == nil {
		r.core = fields(r.raw)
	}
	if f.urn != "" {
		return dig(r.extension(f.urn), f.key)
	}
	if raw := dig(r.core, f.key); raw != nil || !f.anywhere {
		return raw
	}
	return r.extension(enterpriseUser).get(f.key)
}

func (r *record) extension(urn string) members {
	for _, x := range r.extensions {
		if x.urn == urn {
			return x.inner
		}
	}
	inner := fields(r.core.get(urn))
	r.extensions = append(r.extensions, extension{urn, inner})
	return inner
}

// value reads a JSON value as the declared type, nil if it is of another one. A
// complex value stands for its "value", as SCIM has it.
func (f finder) value(raw json.RawMessage) ref.Val {
	if raw[0] == '{' && f.typ != "list" {
		if raw = fields(raw).get("value"); len(raw) == 0 {
			return nil
		}
	}
	switch f.typ {
	case "bool":
		var b bool
		if json.Unmarshal(raw, &b) == nil && raw[0] != 'n' {
			return types.Bool(b)
		}
	case "int":
		var i int64
		if json.Unmarshal(raw, &i) == nil && raw[0] != 'n' {
			return types.Int(i)
		}
	case "timestamp":
		if s, ok := text(raw); ok {
			if t, ok := f.moment(s); ok {
				return types.Timestamp{Time: t}
			}
		}
	case "list":
		return f.list(raw)
	default:
		if s, ok := text(raw); ok && s != "" {
			return types.String(f.word(s))
		}
	}
	return nil
}

// word translates the source's word into ours.
func (f finder) word(s string) string {
	if ours, ok := f.words[s]; ok {
		return ours
	}
	return s
}

func (f finder) list(raw json.RawMessage) ref.Val {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil || raw[0] == 'n' {
		return nil
	}
	list := make([]string, 0, len(items))
	for _, item := range items {
		if item[0] == '{' {
			item = fields(item).get("value")
		}
		if s, ok := text(item); ok {
			list = append(list, f.word(s))
		}
	}
	return newTexts(list)
}

func text(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// newTexts returns a list of texts that is searched without allocating.
func newTexts(list []string) ref.Val {
	vals := make([]ref.Val, len(list))
	for i, s := range list {
		vals[i] = types.String(s)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, vals)
}
