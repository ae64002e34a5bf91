package scim

// What discovery answers with is of schemas itself (RFC 7643, sections 5 to 7). They
// are told beside those of resources, so that a schema which a document names can be
// read, and each of its attributes is in there.

const (
	configURN = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	typeURN   = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	schemaURN = "urn:ietf:params:scim:schemas:core:2.0:Schema"
)

// discoverySchemas are those of what discovery says, without their meta.
func discoverySchemas() []object {
	return []object{
		{"id": configURN, "name": "ServiceProviderConfig", "description": "What a service provider can do.", "attributes": configAttributes()},
		{"id": typeURN, "name": "ResourceType", "description": "A kind of resource: where it is, and which schemas it has.", "attributes": []object{
			text("id", "What the resource type is found by."),
			required(text("name", "What the resource type is called.")),
			text("description", "What its resources are."),
			required(uri("endpoint", "Where its resources are, below the base URL.")),
			required(uri("schema", "The schema that its resources begin with.")),
			several(parts("schemaExtensions", "The schemas that its resources may have besides.",
				required(uri("schema", "The schema.")),
				required(flag("required", "Whether each resource has it.")))),
		}},
		{"id": schemaURN, "name": "Schema", "description": "What resources of one kind are made of.", "attributes": []object{
			required(uri("id", "The URN of the schema.")),
			text("name", "What the schema is called."),
			text("description", "What it is of."),
			required(several(parts("attributes", "What is in it.",
				append(characteristics(), several(parts("subAttributes", "What a complex attribute is made of.", characteristics()...)))...))),
		}},
	}
}

// configAttributes are those of RFC 7643, section 5, and of RFC 9865, section 4.
func configAttributes() []object {
	supported := func() object { return required(flag("supported", "Whether it is supported.")) }
	return []object{
		uri("documentationUri", "Where people read about the service provider."),
		required(parts("patch", "Changing a part of a resource.", supported())),
		required(parts("bulk", "Many operations in one request.", supported(),
			required(number("maxOperations", "How many operations one request may have.")),
			required(number("maxPayloadSize", "How many bytes one request may have.")))),
		required(parts("filter", "Finding resources by what is in them.", supported(),
			required(number("maxResults", "How many resources one answer may have.")))),
		required(parts("changePassword", "Changing a password.", supported())),
		required(parts("sort", "Putting resources in order.", supported())),
		required(parts("etag", "Telling versions of a resource apart.", supported())),
		parts("pagination", "Reading long lists in pages.",
			required(flag("cursor", "Whether a page may be asked for by the cursor of the one before.")),
			required(flag("index", "Whether a page may be asked for by the place at which it begins.")),
			words(text("defaultPaginationMethod", "How lists are paged for who asks for neither."), "cursor", "index"),
			number("defaultPageSize", "How many resources a page has for who does not say."),
			number("maxPageSize", "How many resources a page may have."),
			number("cursorTimeout", "For how many seconds a cursor is good.")),
		required(several(parts("authenticationSchemes", "The ways to show a credential.",
			required(words(text("type", "The kind of credential."), "oauthbearertoken", "oauth2", "mutualtls")),
			required(text("name", "What people call it.")),
			required(text("description", "What to show, and where.")),
			uri("specUri", "Where it is specified."),
			uri("documentationUri", "Where people read how to use it."),
			flag("primary", "Whether it is the one to choose.")))),
	}
}

// characteristics are what a schema says of an attribute (RFC 7643, section 7).
func characteristics() []object {
	return []object{
		required(text("name", "What the attribute is called.")),
		required(words(text("type", "What its values are."), "string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex")),
		required(flag("multiValued", "Whether it may have several values.")),
		text("description", "What it means."),
		required(flag("required", "Whether each resource has to have it.")),
		several(text("canonicalValues", "Values that are usual.")),
		flag("caseExact", "Whether case makes a difference in its values."),
		required(words(text("mutability", "When a value may be set."), "readOnly", "readWrite", "immutable", "writeOnly")),
		required(words(text("returned", "When it is shown."), "always", "never", "default", "request")),
		words(text("uniqueness", "Among what no value is there twice."), "none", "server", "global"),
		several(text("referenceTypes", "What it may refer to.")),
	}
}

// attribute is one that is told and that nobody sets.
func attribute(kind, name, description string) object {
	return object{
		"name": name, "type": kind, "multiValued": false, "description": description,
		"required": false, "mutability": "readOnly", "returned": "default",
	}
}

func text(name, description string) object {
	a := attribute("string", name, description)
	a["caseExact"], a["uniqueness"] = false, "none"
	return a
}

func uri(name, description string) object {
	a := attribute("reference", name, description)
	a["caseExact"], a["uniqueness"], a["referenceTypes"] = true, "none", []string{"uri"}
	return a
}

func number(name, description string) object {
	a := attribute("integer", name, description)
	a["uniqueness"] = "none"
	return a
}

func flag(name, description string) object { return attribute("boolean", name, description) }

func parts(name, description string, subs ...object) object {
	a := attribute("complex", name, description)
	a["subAttributes"] = subs
	return a
}

func required(a object) object { a["required"] = true; return a }

func several(a object) object { a["multiValued"] = true; return a }

func words(a object, usual ...string) object { a["canonicalValues"] = usual; return a }
