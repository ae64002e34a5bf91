package configs

import (
	"log/slog"
	"time"

	scim "github.com/elimity-com/scim/schema"

	"drawbridge/connectors"
	"drawbridge/schema"
	wire "drawbridge/schema/scim"
)

// A Config is what one bridge is told: where it listens, what it keeps where,
// who may speak to it and whom it speaks to. Paths are as the process can open
// them, and secrets are resolved. Start from Default: the zero value is not a
// usable configuration.
type Config struct {
	Listen    string   `yaml:"listen"`    // host:port
	PublicURL string   `yaml:"publicURL"` // how the bridge is reached from outside, without a slash at the end; a path before ours is a proxy's to take off
	TLS       TLS      `yaml:"tls"`
	Store     Store    `yaml:"store"`
	Policy    Folder   `yaml:"policy"`   // of policy documents
	Profiles  Folder   `yaml:"profiles"` // of profiles beside those that ship; none if the path is empty
	Audit     Audit    `yaml:"audit"`
	Admin     Admin    `yaml:"admin"`
	Sources   []Source `yaml:"sources"`
	Issuers   []Issuer `yaml:"issuers"`
	Console   Console  `yaml:"console"`
	Feeds     []Feed   `yaml:"feeds"` // of decisions, to other systems
	Notices   Notices  `yaml:"notices"`

	Credentials Credentials `yaml:"credentials"`

	Schemas   []string      `yaml:"schemas"`   // files of extensions of users
	Discovery string        `yaml:"discovery"` // what /scim/v2 tells of itself to who shows no credential: config, all, none
	Sweeps    []Sweep       `yaml:"sweeps"`
	Limits    RequestLimits `yaml:"limits"`
	Log       Log           `yaml:"log"`
	Shutdown  Shutdown      `yaml:"shutdown"`

	GroupSchemas []string `yaml:"groupSchemas"` // files of extensions of groups

	Types []string `yaml:"types"` // files of resource types that are read, with their resources

	// Catalogues are the resource types that the files declare.
	Catalogues []wire.Catalogue `yaml:"-"`

	// Extensions are the schemas that the files hold, of users and of groups.
	Extensions      []scim.Schema `yaml:"-"`
	GroupExtensions []scim.Schema `yaml:"-"`

	// Connectors are how the systems downstream are reached, and Care how the
	// bridge goes about each, by its name.
	Connectors []connectors.Config `yaml:"-"`
	Care       map[string]Care     `yaml:"-"`
}

// Store says where the bridge keeps what it knows.
type Store struct {
	Driver string `yaml:"driver"` // bolt
	Path   string `yaml:"path"`
	Keys   string `yaml:"keys"` // file of people's keys, made at the first start; PATH.keys where nothing is said
}

// KeysFile returns the file of people's keys.
func (s Store) KeysFile() string {
	if s.Keys == "" {
		return s.Path + ".keys"
	}
	return s.Keys
}

// A Folder is a folder by path.
type Folder struct {
	Path string `yaml:"path"`
}

// Audit says how the decision log is signed.
type Audit struct {
	Key             string        `yaml:"key"`    // file of the signing key, made at the first start; the public key is beside it, in KEY.pub
	Origin          string        `yaml:"origin"` // the log's name, in every checkpoint
	CheckpointEvery time.Duration `yaml:"checkpointEvery"`
	AnchorFile      string        `yaml:"anchorFile"` // to which each checkpoint is appended; better not on this machine
	AnchorURL       string        `yaml:"anchorURL"`  // to which each is posted
}

// Credentials says what is watched of the credentials by which others are known.
type Credentials struct {
	WarnBefore time.Duration `yaml:"warnBefore"` // how long before one ends
}

// A Sweep says when a sweep runs, and how much one run of it may take away.
type Sweep struct {
	Name     string        `yaml:"name"`     // expiry, drift, orphans, unused, unmanaged, ...
	Schedule string        `yaml:"schedule"` // cron's five fields, or @every 30s
	TimeZone string        `yaml:"timeZone"` // of the schedule, as in Europe/Berlin; empty is UTC
	Jitter   time.Duration `yaml:"jitter"`   // it begins at most so much later
	Mode     schema.Mode   `yaml:"mode"`     // observe, propose or enforce, which it is where nothing is said
	Limits   Limits        `yaml:"limits"`
	Scope    Scope         `yaml:"scope"`
	Age      time.Duration `yaml:"age"` // how old is too old, of what is looked for by its age
}

// A Scope is what a sweep looks at; left empty, everything.
type Scope struct {
	Connectors []string `yaml:"connectors"`
	Roles      []string `yaml:"roles"`
	Where      string   `yaml:"where"` // CEL over identity
}

// Limits hold a run that would take away too much. Zero is the default; nothing at all
// is let through by mode propose. The policy set's own limits hold too: the tighter one
// counts.
type Limits struct {
	Count   int     `yaml:"count"`
	Percent float64 `yaml:"percent"`
}

// RequestLimits cap what one request may ask for, and how often. Zero is the
// default of what reads it; a negative rate is no limit.
type RequestLimits struct {
	UserBody   int64 `yaml:"userBody"`   // bytes
	GroupBody  int64 `yaml:"groupBody"`  // bytes
	Operations int   `yaml:"operations"` // of one PATCH
	Depth      int   `yaml:"depth"`      // of nested JSON
	Scan       int   `yaml:"scan"`       // resources looked at for a filter that no index serves

	BulkBody       int64 `yaml:"bulkBody"`       // bytes
	BulkOperations int   `yaml:"bulkOperations"` // of one Bulk

	SourceRate float64 `yaml:"sourceRate"` // requests a second of one source's credential
	APIRate    float64 `yaml:"apiRate"`    // requests a second of one API credential
	FailedRate float64 `yaml:"failedRate"` // attempts a minute with a wrong credential from one address

	DiscoveryRate float64 `yaml:"discoveryRate"` // requests a minute without a credential from one address
}

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level `yaml:"level"`
	Format string     `yaml:"format"` // text, json
}

// Shutdown says how the bridge stops.
type Shutdown struct {
	Grace time.Duration `yaml:"grace"` // how long requests and work under way may go on
}

// Care is how the bridge goes about one connector.
type Care struct {
	Timeout   time.Duration // for one account
	Verify    string        // revocations, always, never: when a target is read back
	Protected []string      // userNames of accounts that are never disabled and lose nothing
}

// Default returns the configuration of a bridge that listens on loopback, keeps
// its data in a folder data, and has neither sources nor connectors.
func Default() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		TLS:    TLS{MinVersion: "1.2"},
		Store:  Store{Driver: "bolt", Path: "data/drawbridge.db"},
		Policy: Folder{Path: "policy"},
		Audit:  Audit{Key: "data/audit.key", Origin: "drawbridge", CheckpointEvery: 10 * time.Second},
		Log:    Log{Level: slog.LevelInfo, Format: "text"},

		Console:   defaultConsole,
		Notices:   defaultNotices,
		Discovery: "config",
		Sweeps: []Sweep{
			{Name: "expiry", Schedule: "@every 30s", Limits: defaultLimits},
			{Name: "drift", Schedule: "@every 15m", Limits: defaultLimits},
			{Name: "orphans", Schedule: "@every 1h", Limits: defaultLimits},
			{Name: "unused", Schedule: "0 2 * * *", Age: 90 * 24 * time.Hour, Jitter: jitter, Limits: defaultLimits},
			{Name: "unmanaged", Schedule: "30 2 * * *", Jitter: jitter, Limits: defaultLimits},
			{Name: "ownerless", Schedule: "@every 1h", Limits: defaultLimits},
			{Name: "exceptions", Schedule: "0 3 * * *", Age: 14 * 24 * time.Hour, Jitter: jitter, Limits: defaultLimits},
			{Name: "evidence", Schedule: "@every 15m", Limits: defaultLimits},
			{Name: "credentials", Schedule: "@every 1h", Limits: defaultLimits},
			{Name: "reviews", Schedule: "@every 1h", Limits: defaultLimits},
			{Name: "silence", Schedule: "@every 15m", Limits: defaultLimits},
			{Name: "unconfirmed", Schedule: "@every 5m", Age: time.Hour, Limits: defaultLimits},
			{Name: "retention", Schedule: "0 4 * * *", Jitter: jitter, Limits: defaultLimits},
			{Name: "everybody", Schedule: "0 1 * * *", Jitter: jitter, Limits: defaultLimits},
			{Name: "watch", Schedule: "@every 15m", Limits: defaultLimits},
		},
		Credentials: Credentials{WarnBefore: 14 * 24 * time.Hour},
		Shutdown:    Shutdown{Grace: 20 * time.Second},
	}
}

var (
	defaultLimits = Limits{Count: 50, Percent: 10}
	jitter        = 15 * time.Minute
	defaultCare   = Care{Timeout: time.Minute, Verify: "revocations"}
)

// CareOf returns how the bridge goes about a connector, with a value for
// whatever was left out.
func (c *Config) CareOf(connector string) Care {
	care := c.Care[connector]
	if care.Timeout == 0 {
		care.Timeout = defaultCare.Timeout
	}
	if care.Verify == "" {
		care.Verify = defaultCare.Verify
	}
	return care
}

// Protected returns the protected accounts by connector.
func (c *Config) Protected() map[string][]string {
	all := map[string][]string{}
	for name, care := range c.Care {
		if len(care.Protected) > 0 {
			all[name] = care.Protected
		}
	}
	return all
}

// What there is to choose from.
var (
	verifies = []string{"revocations", "always", "never"}
	sweeps   = []string{
		"expiry", "drift", "orphans", "unused", "unmanaged", "ownerless", "exceptions", "evidence", "credentials", "reviews",
		"silence", "unconfirmed", "retention", "everybody", "watch",
	}
)
