// Package scim is the wire form of identities and groups: SCIM 2.0 (RFC 7643,
// RFC 7644) in every dialect that senders speak it in, and in one canonical form
// that everything behind it may rely on. It is pure: bytes in, bytes out.
//
// A Type is a resource type as data: its schemas, from the schema model of
// elimity-com/scim, turned into tables once. A Record is one resource, a slot for
// each attribute of its type. Parse reads what a sender created or replaced,
// ParsePatch what it modified, ParseFilter what it looks for; each of them takes
// the sender's dialect and leaves the canonical form:
//
//	body ──Parse──────► Record ──Encode──► what is stored
//	PATCH ─ParsePatch─► Patch ──Apply────► the same Record, changed
//	                      └─────Edits────► who joins and leaves a group
//	filter ─ParseFilter► Filter ─Lookups─► which index to ask
//	                      └─────Match────► whether what it found is meant
//
// Attributes that no schema knows never fail a request: they are dropped, and
// named.
package scim
