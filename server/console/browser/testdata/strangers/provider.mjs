// An OpenID provider that nobody here wrote, with its own pages to log in by: whoever
// types a name is that person. It prints its address, and lives until its input ends.
import { once } from "node:events";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const { REDIRECT, SECRET, GROUPS } = process.env;
const groups = JSON.parse(GROUPS);
const server = createServer().listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "drawbridge", client_secret: SECRET, redirect_uris: [REDIRECT],
    grant_types: ["authorization_code"], response_types: ["code"],
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: true, groups: groups[id] ?? [] }),
  }),
});
server.on("request", provider.callback());
console.log(issuer);
process.stdin.on("end", () => process.exit(0)).resume();
