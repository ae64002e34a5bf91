package configs

import (
	"net"
	"net/mail"
	"strings"
	"time"

	"drawbridge/connectors"
)

// Notices says how people are told things. Without a way to tell them nobody is.
type Notices struct {
	Every     time.Duration     `yaml:"every"`     // how long after somebody was told they are told again, unless it is urgent
	Operators []string          `yaml:"operators"` // addresses of whoever operates the bridge
	Templates string            `yaml:"templates"` // folder of templates in the place of those that ship
	Mail      NoticeMail        `yaml:"mail"`
	Webhooks  []NoticeHook      `yaml:"webhooks"`
	Slack     connectors.Secret `yaml:"slack"` // address that takes what Slack takes
}

// NoticeMail is the server that mail goes by. Without an address there is none.
type NoticeMail struct {
	Address  string            `yaml:"address"` // host:port
	From     string            `yaml:"from"`
	Username string            `yaml:"username"`
	Password connectors.Secret `yaml:"password"`
}

// A NoticeHook is an address that is posted what anybody is told.
type NoticeHook struct {
	Name    string            `yaml:"name"`
	URL     connectors.Secret `yaml:"url"`
	Signing connectors.Secret `yaml:"signing"` // as Standard Webhooks has it
}

var defaultNotices = Notices{Every: 15 * time.Minute}

// notices checks how people are told, and resolves the secrets of that.
func (r *reader) notices(f *file) {
	n := &f.Notices
	if n.Every < 0 || n.Every > 24*time.Hour {
		r.wrong("notices.every", "is %v: a day is the most", n.Every)
	}
	for _, one := range n.Operators {
		if _, err := mail.ParseAddress(one); err != nil {
			r.wrong("notices.operators", "have %q, which is no mail address", one)
		}
	}
	if len(n.Operators) == 0 {
		n.Operators = nil
	}
	if len(n.Webhooks) == 0 {
		n.Webhooks = nil
	}
	n.Templates = r.path(n.Templates)
	r.noticeMail(&n.Mail)
	for i := range n.Webhooks {
		h := &n.Webhooks[i]
		if h.Name == "" || h.Name == "mail" || h.Name == "slack" || strings.ContainsAny(h.Name, "/ ") {
			r.wrong(key("notices.webhooks", i, "name"), "is %q: write a name of its own, without a space or slash", h.Name)
		}
		h.URL = r.posted(key("notices.webhooks", i, "url"), h.URL)
		if h.Signing == "" {
			r.wrong(key("notices.webhooks", i, "signing"), "is missing: write env:NAME or file:PATH of a secret that begins with whsec_")
			continue
		}
		h.Signing = r.secret(key("notices.webhooks", i, "signing"), h.Signing)
	}
	if n.Slack != "" {
		n.Slack = r.posted("notices.slack", n.Slack)
	}
}

func (r *reader) noticeMail(m *NoticeMail) {
	if m.Address == "" {
		return
	}
	if host, port, err := net.SplitHostPort(m.Address); err != nil || host == "" || port == "" {
		r.wrong("notices.mail.address", "is %q: write host:port", m.Address)
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		r.wrong("notices.mail.from", "is %q: write the mail address that it comes from", m.From)
	}
	if (m.Username == "") != (m.Password == "") {
		r.wrong("notices.mail.username", "and password go together")
	}
	if m.Password != "" {
		m.Password = r.secret("notices.mail.password", m.Password)
	}
}

// posted resolves an address that is a secret: whoever knows it may post there.
func (r *reader) posted(key string, reference connectors.Secret) connectors.Secret {
	if reference == "" {
		r.wrong(key, "is missing: write env:NAME or file:PATH")
		return ""
	}
	at := r.secret(key, reference)
	if at != "" && !fetchable(at.Reveal()) {
		r.wrong(key, "is %s, which is no https URL", reference.Reveal())
	}
	return at
}
