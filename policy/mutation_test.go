package policy

import (
	"iter"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A mutation is one change of one field.
type mutation struct {
	name   string
	do     func(of *yaml.Node, i int) bool // of a mapping, whose value at i it changes; reports whether there is anything to change
	in     string                          // the name of the one document where it is made
	at     *regexp.Regexp                  // of the kind and path where it is made; everywhere, where there is none
	always Code                            // what lint says of it, whatever the field: such rows are not listed
}

func quotedNode(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
}

func plainNode(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

// The places where rules stand, and those of who holds a role.
var (
	atRules = regexp.MustCompile(`^(Role\.spec\.(assign|eligible|ticket\.valid|bypass\.when)|Source\.spec\.scope|TriggerSet\.spec\.triggers\[\]\.when|` +
		`Constraint\.spec\.require|ApprovalFlow\.spec\.rules\.approverMustBe)$`)
	atWho      = regexp.MustCompile(`^Role\.spec\.(assign|eligible)$`)
	atTriggers = regexp.MustCompile(`^TriggerSet\.spec\.triggers\[\]\.when$`)
)

// instead puts a value in the place of a text.
func instead(change func(was string) *yaml.Node) func(of *yaml.Node, i int) bool {
	return func(of *yaml.Node, i int) bool {
		if of.Content[i].Kind != yaml.ScalarNode {
			return false
		}
		now := change(of.Content[i].Value)
		if now == nil {
			return false
		}
		of.Content[i] = now
		return true
	}
}

// number is a change of numbers.
func number(change func(was float64) string) func(of *yaml.Node, i int) bool {
	return func(of *yaml.Node, i int) bool {
		tag := of.Content[i].ShortTag()
		was, err := strconv.ParseFloat(of.Content[i].Value, 64)
		if err != nil || tag != "!!int" && tag != "!!float" {
			return false
		}
		of.Content[i] = plainNode("", change(was))
		return true
	}
}

// ruled is another text of a rule.
func ruled(text func(was string) string) func(of *yaml.Node, i int) bool {
	return instead(func(was string) *yaml.Node { return quotedNode(text(was)) })
}

// mutations are the ways in which a field goes wrong.
var mutations = []mutation{
	{name: "is gone", do: func(of *yaml.Node, i int) bool {
		of.Content = slices.Delete(of.Content, i-1, i+1)
		return true
	}},
	{name: "is of another type", do: func(of *yaml.Node, i int) bool {
		if of.Content[i].Kind == yaml.ScalarNode {
			of.Content[i] = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{quotedNode("a"), quotedNode("b")}}
		} else {
			of.Content[i] = quotedNode("a")
		}
		return true
	}},
	{name: "is empty", do: func(of *yaml.Node, i int) bool {
		if v := of.Content[i]; v.Kind == yaml.ScalarNode {
			of.Content[i] = quotedNode("")
		} else {
			v.Content = nil
		}
		return true
	}},
	{name: "names what is not there", do: func(of *yaml.Node, i int) bool {
		v := of.Content[i]
		if v.Kind == yaml.SequenceNode && len(v.Content) > 0 && v.Content[0].Kind == yaml.ScalarNode {
			v.Content[0] = quotedNode("elsewhere")
			return true
		}
		if v.Kind != yaml.ScalarNode || v.ShortTag() != "!!str" {
			return false
		}
		of.Content[i] = quotedNode("elsewhere")
		return true
	}},
	{name: "is there twice", always: CodeDup, do: func(of *yaml.Node, i int) bool {
		of.Content = append(of.Content, clone(of.Content[i-1]), clone(of.Content[i]))
		return true
	}},
	{name: "has an anchor", always: CodeAlias, do: func(of *yaml.Node, i int) bool {
		of.Content[i].Anchor = "here"
		return true
	}},
	{name: "is not quoted", always: CodeQuote, do: func(of *yaml.Node, i int) bool {
		if of.Content[i].Kind != yaml.ScalarNode || of.Content[i].ShortTag() != "!!str" {
			return false
		}
		of.Content[i] = plainNode("!!bool", "no")
		return true
	}},
	{name: "is the other way round", do: func(of *yaml.Node, i int) bool {
		if of.Content[i].ShortTag() != "!!bool" {
			return false
		}
		of.Content[i] = plainNode("!!bool", strconv.FormatBool(of.Content[i].Value != "true"))
		return true
	}},
	{name: "is less than nothing", do: number(func(float64) string { return "-1" })},
	{name: "is nothing", do: number(func(float64) string { return "0" })},
	{name: "is a thousand times as much", do: number(func(was float64) string { return strconv.FormatFloat(was*1000, 'f', -1, 64) })},
	{name: "is two years later", do: instead(func(was string) *yaml.Node {
		at, err := time.Parse(time.RFC3339, was)
		if err != nil {
			return nil
		}
		return plainNode("", at.AddDate(2, 0, 0).Format(time.RFC3339))
	})},
	{name: "is a thousand times as long", do: instead(func(was string) *yaml.Node {
		d, err := ParseDuration(was)
		if err != nil || was == "" {
			return nil
		}
		return plainNode("", (d * 100 * 10).String())
	})},
	{name: "is no time", do: instead(func(was string) *yaml.Node {
		if _, err := ParseDuration(was); err != nil {
			return nil
		}
		return plainNode("", "0h")
	})},
	{name: "is a pattern", at: regexp.MustCompile(`\.(target|entitlement|subject|repo)$`), do: instead(func(was string) *yaml.Node { return quotedNode(was + "*") })},
	{name: "is true of everybody", at: atRules, do: ruled(func(string) string { return "true" })},
	{name: "is true of nobody", at: atRules, do: ruled(func(string) string { return "false" })},
	{name: "is no yes or no", at: atRules, do: ruled(func(string) string { return "1 + 1" })},
	{name: "is very long", at: atRules, do: ruled(func(was string) string { return was + strings.Repeat(" || 1 == 1", 300) })},
	{name: "says only what not", at: atWho, do: ruled(func(string) string { return `identity.kind != "workload"` })},
	{name: "forgets who has none", at: atWho, do: ruled(func(was string) string { return "(" + was + `) && identity.department != "Sales"` })},
	{name: "is of who left", at: atWho, do: ruled(func(was string) string { return "(" + was + `) && identity.employment.status == "ended"` })},
	{name: "reads an event", at: atTriggers, do: ruled(func(was string) string { return "(" + was + `) || event.type == "identity.changed"` })},
	{name: "looks at events alone", at: regexp.MustCompile(`^TriggerSet\.spec\.triggers\[\]\.on$`), do: func(of *yaml.Node, i int) bool {
		of.Content[i].Content = []*yaml.Node{quotedNode("event")}
		return true
	}},
	{name: "takes nothing away", at: regexp.MustCompile(`^TriggerSet\.spec\.triggers\[\]\.action$`), do: ruled(func(string) string { return "hold" })},
	{name: "means who is there", at: atTriggers, do: ruled(func(string) string { return "identity.active == true" })},
	{name: "may be signed in as", at: regexp.MustCompile(`^Role\.spec\.nhi\.interactiveLogin$`), do: ruled(func(string) string { return "allow" })},
	{name: "is a secret", in: "sender", at: regexp.MustCompile(`^NHI\.spec\.credentials\[\]\.type$`), do: ruled(func(string) string { return "client-secret" })},
	{name: "is a secret beside what needs none", in: "pair", at: regexp.MustCompile(`^NHI\.spec\.credentials\[\]\.type$`), do: ruled(func(string) string { return "client-secret" })},
	{name: "is of what is privileged", at: regexp.MustCompile(`^Connector\.spec\.entitlements\[\]\.risk$`), do: func(of *yaml.Node, _ int) bool {
		of.Content = append(of.Content, quotedNode("privileged"), plainNode("!!bool", "true"))
		return true
	}},
	{name: "gets half a year old", at: regexp.MustCompile(`^NHI\.spec\.credential\.maxAge$`), do: ruled(func(string) string { return "180d" })},
	{name: "is for any", in: "ledgerline-export", at: regexp.MustCompile(`^NHI\.spec\.vendor\.scopes$`), do: func(of *yaml.Node, i int) bool {
		of.Content[i].Content[0] = quotedNode("invoices.*")
		return true
	}},
	{name: "is what another gives", in: "editor", at: regexp.MustCompile(`^Role\.spec\.grants\[\]\.entitlement$`), do: ruled(func(string) string { return "readers" })},
	{name: "is another's in capitals", in: "wiki", at: regexp.MustCompile(`^Connector\.spec\.entitlements\[\]\.target$`), do: instead(func(was string) *yaml.Node {
		if was == "readers" {
			return nil
		}
		return quotedNode("READERS")
	})},
	{name: "gives both sides", at: regexp.MustCompile(`^Role\.spec\.grants$`), do: func(of *yaml.Node, i int) bool {
		for _, id := range []string{"vendors", "post"} {
			of.Content[i].Content = append(of.Content[i].Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
				quotedNode("connector"), quotedNode("erp"), quotedNode("entitlement"), quotedNode(id),
			}})
		}
		return true
	}},
}

// everyField yields the fields of all kinds, with * for what people name themselves.
func everyField() iter.Seq2[spot, field] {
	return func(yield func(spot, field) bool) {
		for _, kind := range Kinds() {
			if !fieldsWithin(kind, "", reflect.TypeOf(newDocument(kind)).Elem(), yield) {
				return
			}
		}
	}
}

func fieldsWithin(kind, at string, t reflect.Type, yield func(spot, field) bool) bool {
	for t.Kind() != reflect.Struct {
		switch t.Kind() {
		case reflect.Pointer:
		case reflect.Slice:
			at += "[]"
		case reflect.Map:
			at += ".*"
		default:
			return true
		}
		t = t.Elem()
	}
	if t == reflect.TypeFor[time.Time]() {
		return true
	}
	for _, f := range fieldsOf(t) {
		path := at + "." + f.name
		if !yield(spot{kind, path}, f) || !fieldsWithin(kind, path, t.FieldByIndex(f.index).Type, yield) {
			return false
		}
	}
	return true
}
