package describe

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// comments returns what a profile begins with, as lines, and the comment beside each of
// its keys: by dotted key, empty where there is none. In a profile that says where it was
// read, comments do, and "likewise" is where the line before was; in any other they are
// about the format.
func comments(text []byte) (head []string, beside map[string]string) {
	for line := range strings.Lines(string(text)) {
		said, is := strings.CutPrefix(line, "#")
		if !is {
			break
		}
		head = append(head, strings.TrimSpace(said))
	}
	cites := slices.ContainsFunc(head, func(line string) bool { return strings.HasPrefix(line, "Read in: ") })
	var root yaml.Node
	if yaml.Load(text, &root) != nil || len(root.Content) == 0 {
		return head, nil
	}
	onLine := map[int]string{}
	walk(&root, func(n *yaml.Node) {
		if n.LineComment != "" && cites {
			onLine[n.Line] = strings.TrimSpace(strings.TrimPrefix(n.LineComment, "#"))
		}
	})
	for _, line := range slices.Sorted(maps.Keys(onLine)) {
		if before := onLine[line-1]; before != "" && strings.HasPrefix(onLine[line], "likewise") {
			onLine[line] += " (" + before + ")"
		}
	}
	beside = map[string]string{}
	keys(root.Content[0], "", func(key string, line int) { beside[key] = onLine[line] })
	return head, beside
}

func walk(n *yaml.Node, look func(*yaml.Node)) {
	look(n)
	for _, in := range n.Content {
		walk(in, look)
	}
}

// keys tells of each key of a mapping, and of those within.
func keys(n *yaml.Node, within string, tell func(key string, line int)) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		key := within + n.Content[i].Value
		tell(key, n.Content[i].Line)
		keys(n.Content[i+1], key+".", tell)
	}
}
