package feed

import (
	"bytes"
	"encoding/json"
	"strings"

	"drawbridge/schema"
)

// ocsfVersion is the version of the schema that lines keep to. Its classes are there
// in every 1.x since.
const ocsfVersion = "1.3.0"

// The classes that decisions are told as.
const (
	classAccount = 3001 // Account Change: somebody, or their account, changed
	classEntity  = 3004 // Entity Management: anything else did
	classAccess  = 3005 // User Access Management: somebody was given something, or lost it
	classGroup   = 3006 // Group Management: somebody joined a group, or left it
)

var classNames = map[int]string{
	classAccount: "Account Change", classEntity: "Entity Management", classAccess: "User Access Management", classGroup: "Group Management",
}

const activityOther = 99

// An activity is a class and what of it.
type activity struct {
	class, id int
	name      string
}

type ocsfEvent struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	CategoryUID  int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	ClassUID     int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	TypeUID      int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	Time         int64          `json:"time"` // milliseconds
	SeverityID   weight         `json:"severity_id"`
	Severity     string         `json:"severity"`
	StatusID     int            `json:"status_id"`
	Status       string         `json:"status"`
	StatusDetail string         `json:"status_detail,omitempty"`
	Message      string         `json:"message"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Actor        ocsfActor      `json:"actor"`
	User         *ocsfUser      `json:"user,omitempty"`
	Group        *ocsfGroup     `json:"group,omitempty"`
	Privileges   []string       `json:"privileges,omitempty"`
	Entity       *ocsfEntity    `json:"entity,omitempty"`
	Policy       *ocsfPolicy    `json:"policy,omitempty"`
	Unmapped     map[string]any `json:"unmapped,omitempty"`
	RawData      string         `json:"raw_data"`
}

type ocsfMetadata struct {
	Version     string      `json:"version"`
	Product     ocsfProduct `json:"product"`
	UID         string      `json:"uid"`
	Sequence    int64       `json:"sequence"`
	LogName     string      `json:"log_name"`
	EventCode   string      `json:"event_code"`
	Correlation string      `json:"correlation_uid,omitempty"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version,omitempty"`
}

type ocsfActor struct {
	User ocsfUser `json:"user"`
}

type ocsfUser struct {
	Name   string `json:"name,omitempty"`
	UID    string `json:"uid,omitempty"`
	Type   string `json:"type,omitempty"`
	TypeID int    `json:"type_id"`
}

type ocsfGroup struct {
	UID string `json:"uid"`
}

type ocsfEntity struct {
	Name string `json:"name"`
	Type string `json:"type"`
	UID  string `json:"uid"`
}

type ocsfPolicy struct {
	UID string `json:"uid"`
}

var severities = map[weight]string{informational: "Informational", low: "Low", medium: "Medium", high: "High"}

// OCSF makes an event of OCSF, as JSON in one line.
func OCSF(e Event) ([]byte, error) {
	d := e.Decision
	a := activityOf(d)
	w := weigh(d.Verb)
	out := ocsfEvent{
		ActivityID: a.id, ActivityName: a.name, CategoryUID: 3, CategoryName: "Identity & Access Management", ClassUID: a.class, ClassName: classNames[a.class],
		TypeUID: a.class*100 + a.id, TypeName: classNames[a.class] + ": " + a.name, Time: d.Time.UnixMilli(), SeverityID: w, Severity: severities[w],
		StatusID: 1, Status: "Success", StatusDetail: d.Reason, Message: text(e), RawData: string(e.Leaf),
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfProduct{"Drawbridge", "Drawbridge", e.Version}, UID: d.ID, Sequence: e.Seq, LogName: e.Log, EventCode: string(d.Verb),
		},
		Actor: ocsfActor{actorOf(d.Actor)},
	}
	if failed(d.Verb) {
		out.StatusID, out.Status = 2, "Failure"
	}
	if len(d.Because) > 0 {
		out.Metadata.Correlation = d.Because[0]
	}
	if d.Policy != "" {
		out.Policy = &ocsfPolicy{d.Policy}
	}
	unmapped := map[string]any{}
	if len(d.Because) > 0 {
		unmapped["because"] = d.Because
	}
	if len(d.Also) > 0 {
		unmapped["also"] = d.Also
	}
	if d.Mode != "" {
		unmapped["mode"] = d.Mode
	}
	if d.Object != "" {
		unmapped["object"] = d.Object
	}
	out.Unmapped = unmapped
	out.about(a, e)
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	err := enc.Encode(out)
	return bytes.TrimRight(line.Bytes(), "\n"), err
}

// about says whom or what the event is about, as its class demands.
func (o *ocsfEvent) about(a activity, e Event) {
	d := e.Decision
	user := &ocsfUser{Name: e.UserName, UID: d.Subject, TypeID: 0, Type: "Unknown"}
	switch a.class {
	case classEntity:
		kind, _, _ := strings.Cut(d.Subject, "/")
		o.Entity = &ocsfEntity{Name: d.Subject, Type: kind, UID: d.Subject}
	case classAccess:
		o.User, o.Privileges = user, []string{d.Object}
	case classGroup:
		o.User, o.Group = user, &ocsfGroup{strings.TrimPrefix(d.Object, "group/")}
	default:
		o.User = user
	}
}

// actorOf says who decided: a person or a program by their credential, or a part of
// the bridge.
func actorOf(name string) ocsfUser {
	switch kind, _, _ := strings.Cut(name, "/"); kind {
	case "token", "local", "identity":
		return ocsfUser{Name: name, TypeID: 1, Type: "User"}
	}
	return ocsfUser{Name: name, TypeID: 3, Type: "System"}
}

// activityOf says as what a decision is told.
func activityOf(d schema.Decision) activity {
	if !isIdentity(d.Subject) {
		return entityActivity(d.Verb)
	}
	given := strings.HasPrefix(d.Object, "role/") || strings.Contains(d.Object, "/")
	switch d.Verb {
	case schema.Admitted:
		if d.Reason == "created" {
			return activity{classAccount, 1, "Create"}
		}
		return activity{classAccount, activityOther, "Change"}
	case schema.Left:
		if strings.HasPrefix(d.Reason, "deleted") {
			return activity{classAccount, 6, "Delete"}
		}
		return activity{classAccount, 5, "Disable"}
	case schema.Joined, schema.Parted:
		if !strings.HasPrefix(d.Object, "group/") {
			break
		}
		if d.Verb == schema.Joined {
			return activity{classGroup, 3, "Add User"}
		}
		return activity{classGroup, 4, "Remove User"}
	case schema.Granted, schema.Bypassed:
		return activity{classAccess, 1, "Assign Privileges"}
	case schema.Assigned:
		return activity{classAccess, 1, "Assign Privileges"}
	case schema.Revoked, schema.Expired, schema.Unassigned:
		return activity{classAccess, 2, "Revoke Privileges"}
	default:
	}
	if given && !strings.HasPrefix(d.Object, "record/") && !strings.HasPrefix(d.Object, "group/") {
		return activity{classAccess, activityOther, string(d.Verb)}
	}
	return activity{classAccount, activityOther, string(d.Verb)}
}

func entityActivity(v schema.Verb) activity {
	switch v {
	case schema.Admitted, schema.Proposed, schema.Tokened:
		return activity{classEntity, 1, "Create"}
	case schema.Published, schema.Released, schema.Agreed, schema.Halted, schema.Resumed, schema.Ramped:
		return activity{classEntity, 3, "Update"}
	case schema.Forgotten, schema.Pruned:
		return activity{classEntity, 4, "Delete"}
	default:
		return activity{classEntity, activityOther, string(v)}
	}
}
