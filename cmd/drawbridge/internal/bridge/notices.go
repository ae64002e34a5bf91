package bridge

import (
	"fmt"
	"io/fs"
	"net/mail"
	"os"

	"drawbridge/access"
	"drawbridge/connectors/webhook"
	"drawbridge/notice"
	"drawbridge/scheduler"
)

// openNotices makes the ways by which people are told things.
func (b *Bridge) openNotices() (*scheduler.Notify, error) {
	c := b.cfg.Notices
	n := &scheduler.Notify{Store: b.store, Rules: b.rules, Operators: bare(c.Operators), URL: b.url, Every: c.Every}
	var folder fs.FS
	if c.Templates != "" {
		folder = os.DirFS(c.Templates)
	}
	templates, err := notice.ReadTemplates(folder)
	if err != nil {
		return nil, fmt.Errorf("notices: %w", err)
	}
	if m := c.Mail; m.Address != "" {
		n.Channels = append(n.Channels, &notice.Mail{
			Address: m.Address, From: m.From, Username: m.Username, Password: m.Password, Operators: c.Operators, Templates: templates,
		})
	}
	for _, h := range c.Webhooks {
		keys, err := webhook.ParseKeys(h.Signing)
		if err != nil {
			return nil, fmt.Errorf("notices: webhook %s: %w", h.Name, err)
		}
		n.Channels = append(n.Channels, &notice.Hook{Title: h.Name, URL: h.URL, Keys: keys, Client: notice.Client()})
	}
	if c.Slack != "" {
		n.Channels = append(n.Channels, &notice.Slack{Title: "slack", URL: c.Slack, Templates: templates, Client: notice.Client()})
	}
	return n, nil
}

// bare returns addresses without what people are called beside them.
func bare(addresses []string) (all []string) {
	for _, one := range addresses {
		if a, err := mail.ParseAddress(one); err == nil { // as the configuration has it
			all = append(all, a.Address)
		}
	}
	return all
}

// noticeLoop is the loop that tells people. What fails is tried again, ever less often.
func (b *Bridge) noticeLoop(n *scheduler.Notify) *scheduler.Loop {
	return &scheduler.Loop{Lane: access.LaneNotice, Handle: n.Handle, Workers: 2, TTL: noticeLease, Backoff: slowly}
}
