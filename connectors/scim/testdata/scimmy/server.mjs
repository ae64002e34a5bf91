// A SCIM service provider in memory, of SCIMMY and SCIMMY Routers: what a target
// looks like that nobody here wrote. Each first segment of a path is a target of
// its own. It prints its address, and answers whoever presents $TOKEN.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const {User, Group} = SCIMMY.Resources;
const targets = new Map();
let last = 0;

function target(name) {
  if (!targets.has(name)) targets.set(name, {users: new Map(), groups: new Map()});
  return targets.get(name);
}

function missing(id) {
  throw new SCIMMY.Types.Error(404, null, `there is no ${id}`);
}

function asked(resource, all) {
  if (resource.id) return all.find((r) => r.id === resource.id) ?? missing(resource.id);
  return resource.filter ? resource.filter.match(all) : all;
}

function save(resource, data, map, kind, unique) {
  if (resource.id && !map.has(resource.id)) missing(resource.id);
  const id = resource.id ?? `${kind}${++last}`;
  const folded = (r) => String(r[unique]).toLowerCase();
  for (const other of map.values()) {
    if (other.id !== id && folded(other) === folded(data)) throw new SCIMMY.Types.Error(409, "uniqueness", `${unique} is taken`);
  }
  const {groups, ...kept} = JSON.parse(JSON.stringify(data));
  map.set(id, {...kept, id, meta: {created: map.get(id)?.meta.created ?? new Date(), lastModified: new Date()}});
  return map.get(id);
}

function withGroups(user, {groups}) {
  const held = [...groups.values()].filter((g) => g.members?.some((m) => m.value === user.id));
  return {...user, groups: held.map((g) => ({value: g.id, display: g.displayName}))};
}

User.extend(SCIMMY.Schemas.EnterpriseUser, false);
SCIMMY.Resources.declare(User)
  .ingress((resource, data, t) => withGroups(save(resource, data, t.users, "u", "userName"), t))
  .egress((resource, t) => asked(resource, [...t.users.values()].map((u) => withGroups(u, t))))
  .degress((resource, t) => {
    if (!t.users.delete(resource.id)) missing(resource.id);
    for (const g of t.groups.values()) g.members = g.members?.filter((m) => m.value !== resource.id);
  });
SCIMMY.Resources.declare(Group)
  .ingress((resource, data, t) => save(resource, data, t.groups, "g", "displayName"))
  .egress((resource, t) => asked(resource, [...t.groups.values()]))
  .degress((resource, t) => { if (!t.groups.delete(resource.id)) missing(resource.id); });

const app = express();
app.use("/:target/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (request.header("Authorization") !== `Bearer ${process.env.TOKEN}`) throw new Error("who are you?");
    return "bridge";
  },
  context: (request) => target(request.baseUrl.split("/")[1]),
}));
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
