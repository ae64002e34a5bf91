// What strangers make of the bridge's SCIM endpoint. Three libraries that nobody
// here wrote, two of them with no server in them at all, judge what it says of
// itself and every answer it gives:
//
//   SCIMMY              schemas, messages, and each resource held to the schemas
//                       that the endpoint itself advertises
//   scim-patch          what a PATCH leaves behind
//   scim2-parse-filter  whom a filter finds; SCIMMY says it a second time
//
// It prints a line of JSON for each thing that one of them calls wrong, and at
// the end how much each has looked at.
import SCIMMY from "scimmy";
import {patchBodyValidation, scimPatch} from "scim-patch";
import {filter as matching, parse} from "scim2-parse-filter";

const {BASE, TOKEN} = process.env;
const looked = {};

function say(line) { console.log(JSON.stringify(line)); }

// judged runs what a stranger does, and reports what it throws or returns, unless
// that is a dispute which the RFC settles.
function judged(who, what, run) {
  looked[who] = (looked[who] ?? 0) + 1;
  let wrong;
  try {
    wrong = run();
  } catch (e) {
    wrong = String(e.message ?? e);
  }
  if (!wrong) return;
  const dispute = disputes.find((d) => d.who === who && (d.what instanceof RegExp ? d.what.test(what) : d.what === what) && (!d.says || wrong.includes(d.says)));
  if (dispute) dispute.met = true;
  else say({who, what, wrong});
}

// disputes are where a stranger is wrong, and the section that says so. One that
// none of them raises any more fails the test too.
const disputes = [
  {who: "scimmy", what: "ServiceProviderConfig", says: "authenticationSchemes is", why: "RFC 7643, section 8.5: a scheme has primary, which it does not know"},
  {who: "scimmy", what: /\.(profileUrl|photos\.value|\$ref)$/, says: "caseExact is true", why: "RFC 7643, section 2.3.7: a reference is case exact"},
  {who: "scimmy", what: /:Group\.members\.display$/, says: "returned is request", why: "RFC 7643, section 8.7.1: a group's members have value, $ref and type; how one is called is ours to define, and shown on request"},
  {who: "scimmy", what: /\?count=1&cursor=&filter/, says: "totalResults", why: "RFC 9865, section 2.3: by cursor, it may be omitted"},
  {who: "scimmy", what: `userName eq "U1"`, why: "RFC 7643, section 8.7.1: userName is not case exact; it knows no schema"},
  {who: "scim2-parse-filter", what: `userName eq "U1"`, why: "the same"},
  {who: "scim2-parse-filter", what: /^emails\[type eq "work" and value co/, why: "RFC 7644, section 3.4.2.2: both must hold for one and the same value"},
  {who: "scim2-parse-filter", what: `emails[not (type eq "work")]`, why: "the same: u2 has a value that is not for work"},
  {who: "scim2-parse-filter", what: `title co "\\u00e9"`, why: "RFC 7159, section 7: a string may be escaped"},
  {who: "scimmy", what: `title co "\\u00e9"`, why: "the same"},
  {who: "scimmy", what: /quoted/, says: "Unexpected token", why: "the same"},
  {who: "scimmy", what: /emails|name\./, says: "undefined", why: "it can not match who lacks the attribute"},
  {who: "scimmy", what: /^urn:.*:User:/, why: "RFC 7644, section 3.10: an attribute may be written with its URN, which it does not match"},
  {who: "scim2-parse-filter", what: /^urn:ietf:params:scim:schemas:core/, why: "the same, of a core attribute"},
];

async function send(method, path, body) {
  const answer = await fetch(path.startsWith("http") ? path : BASE + path, {
    method, body: body && JSON.stringify(body),
    headers: {Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/scim+json", Accept: "application/scim+json"},
  });
  const text = await answer.text();
  const got = {status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined};
  answered(method, path, got);
  return got;
}

const is = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

// sorted brings what has no order into one.
function sorted(v) {
  if (Array.isArray(v)) return v.map(sorted).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  if (v === null || typeof v !== "object") return v;
  return Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]));
}

// ---- what the endpoint says of itself, as SCIMMY's own definitions

const types = new Map(); // name of a resource type: SCIMMY's definition, made from /Schemas

// urn spells the URN of a vendor's schema as SCIMMY wants it: it takes those of
// the IETF only, which a vendor's must not be (RFC 7643, section 10.2.1).
function urn(id) { return id.startsWith("urn:ietf:params:scim:") ? id : `urn:ietf:params:scim:schemas:vendor:${id.slice(4)}`; }

// spelt is a resource with its schemas spelt so.
function spelt(r) {
  return Object.fromEntries(Object.entries(r).map(([k, v]) => [k.startsWith("urn:") ? urn(k) : k, k === "schemas" ? v.map(urn) : v]));
}

function attribute(a) {
  return new SCIMMY.Types.Attribute(a.type, a.name, {
    multiValued: a.multiValued, description: a.description, required: a.required, canonicalValues: a.canonicalValues ?? false,
    caseExact: a.caseExact, mutable: a.mutability, returned: a.returned, referenceTypes: a.referenceTypes, uniqueness: a.uniqueness,
  }, (a.subAttributes ?? []).map(attribute));
}

async function discovery() {
  const config = (await send("GET", "/ServiceProviderConfig")).body;
  judged("scimmy", "ServiceProviderConfig", () => {
    const own = SCIMMY.Schemas.ServiceProviderConfig.definition.coerce(config, "out");
    for (const a of SCIMMY.Schemas.ServiceProviderConfig.definition.attributes) {
      if (a.config.required && !is(own[a.name], config[a.name])) return `${a.name} is ${JSON.stringify(config[a.name])}`;
    }
  });
  const schemas = new Map((await send("GET", "/Schemas")).body.Resources.map((s) => [s.id, s]));
  for (const s of schemas.values()) {
    judged("scimmy", `schema ${s.id}`, () => void new SCIMMY.Types.SchemaDefinition(s.name, urn(s.id), s.description, s.attributes.map(attribute)));
    const one = (await send("GET", `/Schemas/${s.id}`)).body;
    judged("scimmy", `schema ${s.id} by itself`, () => !is(one, s) && "it is not the one in the list");
    if (s.meta.location !== `${BASE}/Schemas/${s.id}`) say({who: "scimmy", what: `schema ${s.id}`, wrong: `location ${s.meta.location}`});
  }
  for (const known of [SCIMMY.Schemas.User, SCIMMY.Schemas.Group, SCIMMY.Schemas.EnterpriseUser]) same(known.definition, schemas.get(known.id));
  for (const t of (await send("GET", "/ResourceTypes")).body.Resources) {
    judged("scimmy", `resource type ${t.name}`, () => {
      const own = SCIMMY.Schemas.ResourceType.definition.coerce(t, "out");
      for (const key of ["name", "description", "endpoint", "schema"]) if (own[key] !== t[key]) return `${key} is ${t[key]}`;
      const core = schemas.get(t.schema);
      const definition = new SCIMMY.Types.SchemaDefinition(t.name, urn(t.schema), core.description, [externalId, ...core.attributes.map(attribute)]);
      for (const x of t.schemaExtensions) {
        const e = schemas.get(x.schema);
        definition.extend(new SCIMMY.Types.SchemaDefinition(e.name.replace(/\W/g, ""), urn(e.id), e.description, e.attributes.map(attribute)), x.required);
      }
      types.set(t.name, definition);
    });
  }
  return config;
}

const externalId = new SCIMMY.Types.Attribute("string", "externalId", {caseExact: true});

// same compares a standard schema with SCIMMY's reading of RFC 7643. What one has
// and the other has not is a difference only where we advertise it.
function same(definition, ours, path = definition.id) {
  const theirs = JSON.parse(JSON.stringify(definition)).attributes ?? definition.describe().attributes;
  (function compare(theirs, ours, path) {
    for (const a of ours) {
      const b = JSON.parse(JSON.stringify(theirs.find((t) => t.name === a.name) ?? null));
      judged("scimmy", `${path}.${a.name}`, () => {
        if (!b) return "no such attribute";
        for (const key of ["type", "multiValued", "required", "mutability", "returned", "uniqueness", "caseExact"]) {
          if (b[key] !== undefined && a[key] !== undefined && b[key] !== a[key]) {
            return `${key} is ${a[key]}, which it reads as ${b[key]}`;
          }
        }
      });
      if (b && a.subAttributes) compare(b.subAttributes ?? [], a.subAttributes, `${path}.${a.name}`);
    }
  })(theirs, ours.attributes, path);
}

// ---- every answer

function answered(method, path, {status, headers, body}) {
  const what = `${method} ${path.replace(/[0-9a-f-]{36}/g, "ID")} ${status}`;
  if (body === undefined) return;
  judged("scimmy", what, () => {
    if (headers.get("content-type") !== "application/scim+json") return `Content-Type ${headers.get("content-type")}`;
    if (status >= 400) {
      const e = new SCIMMY.Messages.ErrorResponse({status: body.status, scimType: body.scimType, detail: body.detail});
      return !is({...e}, body) && `an error that it reads as ${JSON.stringify(e)}`;
    }
    for (const urn of body.schemas) if (!urn.startsWith("urn:")) return `schemas ${body.schemas}`;
    if (body.schemas.includes(SCIMMY.Messages.ListResponse.id)) {
      const list = new SCIMMY.Messages.ListResponse(body);
      if (list.totalResults !== body.totalResults || list.Resources.length !== body.Resources.length || body.itemsPerPage !== body.Resources.length) return "a list that it reads otherwise";
      for (const r of body.Resources) resource(what, r);
    } else if (body.schemas.includes(SCIMMY.Messages.BulkResponse.id)) {
      const bulk = new SCIMMY.Messages.BulkResponse(body);
      return !is(bulk.Operations, body.Operations) && "a bulk that it reads otherwise";
    } else {
      return resource(what, body);
    }
  });
}

// resource holds one to the schemas that the endpoint advertises: all of it is
// declared, of its type, and where it says it is.
function resource(what, r) {
  const definition = types.get(r.meta?.resourceType);
  if (!definition) return;
  judged("scimmy", `${what}: ${r.meta.resourceType}`, () => {
    r = spelt(r);
    const own = JSON.parse(JSON.stringify(definition.coerce(r, "out")));
    for (const key of new Set([...Object.keys(r), ...Object.keys(own)])) {
      if (key !== "meta" && !is(own[key], r[key])) return `${key} is ${JSON.stringify(r[key])}, which it reads as ${JSON.stringify(own[key])}`;
    }
    if (!Number.isFinite(Date.parse(r.meta.lastModified ?? "2026-01-01"))) return "meta.lastModified";
  });
}

// ---- PATCH, as scim-patch does it

const PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
const USER = "urn:ietf:params:scim:schemas:core:2.0:User";
const ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const patches = [
  [{op: "add", path: "nickName", value: "Babs"}],
  [{op: "replace", path: "nickName", value: "Barb"}, {op: "add", path: "title", value: "Tour guide"}],
  [{op: "remove", path: "nickName"}],
  [{op: "replace", value: {displayName: "Barbara J.", userType: "Employee"}}],
  [{op: "replace", path: "name.familyName", value: "Doe"}],
  [{op: "add", path: "name", value: {middleName: "Jane"}}],
  [{op: "remove", path: "name.middleName"}],
  [{op: "add", path: "emails", value: [{value: "babs@home.example", type: "home"}]}],
  [{op: "add", path: "emails", value: [{value: "babs@home.example", type: "home"}]}],
  [{op: "replace", path: "emails[type eq \"work\"].value", value: "barbara@work.example"}],
  [{op: "replace", path: "emails[type eq \"home\"].display", value: "at home"}],
  [{op: "remove", path: "emails[type eq \"home\"].display"}],
  [{op: "remove", path: "emails[type eq \"home\" and value ew \"home.example\"]"}],
  [{op: "add", path: "phoneNumbers", value: [{value: "555-1", type: "work"}, {value: "555-2", type: "mobile"}]}],
  [{op: "replace", path: "phoneNumbers[type eq \"mobile\"]", value: {value: "555-3", type: "mobile"}}],
  [{op: "remove", path: "phoneNumbers[value eq \"555-1\" or value eq \"555-3\"]"}],
  [{op: "add", path: "addresses", value: [{type: "work", locality: "Hollywood", country: "US"}]}],
  [{op: "replace", path: "addresses[type eq \"work\"].locality", value: "Burbank"}],
  [{op: "replace", path: "addresses", value: [{type: "home", streetAddress: "1 Way"}]}],
  [{op: "remove", path: "addresses"}],
  [{op: "add", path: `${ENTERPRISE}:department`, value: "Tours"}],
  [{op: "replace", path: `${ENTERPRISE}:manager.value`, value: "26118915"}],
  [{op: "remove", path: `${ENTERPRISE}:department`}],
  [{op: "replace", path: "active", value: false}, {op: "replace", path: "active", value: true}],
  [{op: "add", value: {nickName: "B", emails: [{value: "b@other.example", type: "other"}]}}],
  [{op: "replace", path: "emails", value: [{value: "only@work.example", type: "work", primary: true}]}],
];

// told is a user without what only the server says.
const told = ({meta, groups, schemas, ...rest}) => rest;

async function patching() {
  const made = (await send("POST", "/Users", {schemas: [USER], userName: "bjensen", name: {givenName: "Barbara", familyName: "Jensen"}, active: true, emails: [{value: "b@work.example", type: "work"}], [ENTERPRISE]: {costCenter: "1"}})).body;
  let before = made;
  for (const Operations of patches) {
    const body = {schemas: [PATCH], Operations};
    judged("scim-patch", `the request ${JSON.stringify(Operations)}`, () => patchBodyValidation(body));
    judged("scimmy", `the request ${JSON.stringify(Operations)}`, () => void new SCIMMY.Messages.PatchOp(body));
    const answer = await send("PATCH", `/Users/${made.id}`, body);
    const after = (await send("GET", `/Users/${made.id}`)).body;
    judged("scim-patch", JSON.stringify(Operations), () => {
      if (answer.status !== 200 || !is(answer.body, after)) return `answered ${answer.status} ${JSON.stringify(answer.body)}, and is ${JSON.stringify(after)}`;
      let theirs = JSON.parse(JSON.stringify(before));
      for (const o of Operations) theirs = scimPatch(theirs, [JSON.parse(JSON.stringify(o))]);
      return !is(told(theirs), told(after)) && `leaves ${JSON.stringify(told(after))}, which it has as ${JSON.stringify(told(theirs))}`;
    });
    before = after;
  }
}

// ---- filters, as scim2-parse-filter and SCIMMY do them

const filters = [
  `userName eq "u1"`, `userName eq "U1"`, `userName ne "u1"`, `userName co "u"`, `userName sw "u"`, `userName ew "2"`, `not (userName sw "u")`,
  `title pr`, `not (title pr)`, `title pr and userType eq "Intern"`, `title pr or userType eq "Intern"`, `name.familyName eq "Jensen"`, `name.familyName co "en"`,
  `emails pr`, `emails.type eq "work"`, `emails[type eq "work"]`, `emails[type eq "work" and value co "@x.example"]`, `emails[not (type eq "work")]`,
  `emails[type eq "work" and value co "@x.example"] or phoneNumbers[type eq "mobile" and value sw "555"]`,
  `active eq true`, `active eq false`, `active ne true`, `userType ne "Employee" and not (emails.value co "x.example" or emails.value co "y.example")`,
  `userType eq "Employee" and (emails.type eq "work")`, `(userName eq "u1" or userName eq "u2") and title pr`, `userName eq "u1" or userName eq "u2" and title pr`,
  `userName gt "u1"`, `userName ge "u2"`, `userName lt "u2"`, `userName le "u2"`, `meta.lastModified gt "2011-05-13T04:42:34Z"`, `meta.lastModified lt "2011-05-13T04:42:34Z"`,
  `externalId eq "e1"`, `externalId eq "E1"`, `id pr`, `nickName eq "it's \\"quoted\\""`, `title co "\\u00e9"`,
  `${ENTERPRISE}:department eq "R&D"`, `${ENTERPRISE}:manager.value eq "m1" and userName eq "u2"`, `${USER}:userName sw "u"`, `urn:ietf:params:scim:schemas:core:2.0:User:title pr`,
];

const people = [
  {userName: "u1", externalId: "e1", title: "Guide", userType: "Employee", name: {familyName: "Jensen"}, emails: [{value: "u1@x.example", type: "work"}]},
  {userName: "u2", externalId: "e2", title: "caf\u00e9", userType: "Intern", active: false, emails: [{value: "u2@y.example", type: "work"}, {value: "u2@x.example", type: "home"}], [ENTERPRISE]: {department: "R&D", manager: {value: "m1"}}},
  {userName: "other", userType: "Contractor", nickName: "it's \"quoted\"", phoneNumbers: [{value: "555-9", type: "mobile"}], name: {familyName: "Keen"}},
];

async function finding() {
  for (const p of people) await send("POST", "/Users", {schemas: [USER], active: true, ...p});
  const all = (await send("GET", "/Users")).body.Resources;
  const ids = (list) => list.map((u) => u.userName).sort().join(" ");
  for (const f of filters) {
    const found = (await send("GET", `/Users?filter=${encodeURIComponent(f)}`)).body.Resources ?? [];
    const searched = (await send("POST", "/Users/.search", {schemas: [SCIMMY.Messages.SearchRequest.id], filter: f})).body.Resources ?? [];
    if (ids(found) !== ids(searched)) say({who: "scim2-parse-filter", what: f, wrong: `found ${ids(found)} by GET and ${ids(searched)} by .search`});
    for (const [who, run] of [["scim2-parse-filter", () => all.filter(matching(parse(f)))], ["scimmy", () => new SCIMMY.Types.Filter(f).match(all)]]) {
      judged(who, f, () => { const theirs = ids(run()); return theirs !== ids(found) && `finds ${ids(found)}, and it finds ${theirs}`; });
    }
  }
}

// ---- the rest of the protocol, for whoever reads the answers

async function others() {
  const id = (await send("GET", `/Users?filter=${encodeURIComponent('userName eq "u1"')}`)).body.Resources[0].id;
  const group = (await send("POST", "/Groups", {schemas: ["urn:ietf:params:scim:schemas:core:2.0:Group"], displayName: "Guides", members: [{value: id}]})).body;
  const member = (await send("GET", `/Groups/${group.id}`)).body.members[0];
  judged("scimmy", "a member's $ref", () => member.$ref !== `${BASE}/Users/${id}` && member.$ref);
  for (const path of ["/Groups", "/Roles", "/Entitlements", "/", "/Users?count=1&cursor=", "/Users?count=1&cursor=&filter=title+pr", "/Roles?filter=type+eq+%22birthright%22", "/Users?sortBy=userName&sortOrder=descending", "/Users?startIndex=2&count=1", "/Users?count=0",
    `/Users/${id}?attributes=userName`, `/Users/${id}?excludedAttributes=emails`, "/Users/nobody", "/Groups/nobody", "/Nothing", "/Users?filter=x", "/Me", `/Groups/${group.id}?attributes=members.display`]) {
    await send("GET", path);
  }
  await send("PUT", `/Users/${id}`, {schemas: [USER], userName: "u1", emails: []});
  await send("POST", "/Users", {schemas: [USER], userName: "u1"});
  await send("POST", "/Users", {schemas: [USER]});
  await send("POST", "/Bulk", {schemas: [SCIMMY.Messages.BulkRequest.id], failOnErrors: 5, Operations: [
    {method: "POST", path: "/Users", bulkId: "a", data: {schemas: [USER], userName: "bulk"}},
    {method: "POST", path: "/Users", bulkId: "b", data: {schemas: [USER], userName: "bulk"}},
    {method: "PATCH", path: `/Groups/${group.id}`, data: {schemas: [PATCH], Operations: [{op: "add", path: "members", value: [{value: "bulkId:a"}]}]}},
    {method: "DELETE", path: `/Users/${id}`},
  ]});
  await send("POST", "/Bulk", {schemas: [SCIMMY.Messages.BulkRequest.id], Operations: Array(1001).fill({method: "DELETE", path: "/Users/x"})});
  await send("PATCH", `/Groups/${group.id}`, {schemas: [PATCH], Operations: Array(5001).fill({op: "remove", path: "members"})});
  await send("DELETE", `/Groups/${group.id}`);
}

await discovery();
await patching();
await finding();
await others();
for (const d of disputes) if (!d.met) say({who: d.who, what: String(d.what), wrong: `is no longer in dispute: ${d.why}`});
say({looked});
