package policy

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A place is where a document stands in its file, so that every finding can
// point at what it is about.
type place struct {
	file  string
	lines []string // of the file
	node  *yaml.Node
}

// at points the finding at the value under a path of keys and indices, or at the
// nearest thing above it that is there.
func (p place) at(f Finding, path ...string) Finding {
	return p.on(f, p.find(path...))
}

func (p place) on(f Finding, n *yaml.Node) Finding {
	f.File = p.file
	if n != nil {
		f.Line, f.Col = n.Line, n.Column
	}
	return f
}

// find returns the node under a path, or the nearest above it.
func (p place) find(path ...string) *yaml.Node {
	n := p.node
	for _, step := range path {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

func child(n *yaml.Node, step string) *yaml.Node {
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	case yaml.DocumentNode, yaml.ScalarNode, yaml.AliasNode, yaml.StreamNode:
	}
	return nil
}

// inside points the finding at a line (from 1) and column (from 0) of a rule
// that is written as the scalar n. Where YAML joined the lines of the rule, the
// exact place is lost: then it points at the scalar and says where in the rule.
func (p place) inside(f Finding, n *yaml.Node, line, col int) Finding {
	f = p.on(f, n)
	switch {
	case n == nil || n.Kind != yaml.ScalarNode:
	case n.Style&yaml.LiteralStyle != 0:
		f.Line = n.Line + line
		f.Col = p.indent(n.Line) + col + 1
		return f
	case n.Style&yaml.FoldedStyle == 0 && line == 1 && p.plainly(n):
		f.Col = n.Column + col
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			f.Col++
		}
		return f
	}
	f.Message += " (line " + strconv.Itoa(line) + ", column " + strconv.Itoa(col+1) + " of the rule)"
	return f
}

// plainly reports whether the scalar stands in its line as it is read: on one
// line and without escapes.
func (p place) plainly(n *yaml.Node) bool {
	return n.Line >= 1 && n.Line <= len(p.lines) && strings.Contains(p.lines[n.Line-1], n.Value)
}

// indent returns how far the block that follows a line is indented.
func (p place) indent(line int) int {
	for ; line >= 0 && line < len(p.lines); line++ {
		if text := strings.TrimLeft(p.lines[line], " "); text != "" {
			return len(p.lines[line]) - len(text)
		}
	}
	return 0
}
