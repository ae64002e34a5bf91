// Better Auth with its SCIM plugin, in memory: an authentication server that others
// wrote, with a service provider of its own. Each first segment of a path is one
// of its own. It prints its address, and answers whoever presents $TOKEN.
import http from "node:http";
import {randomBytes} from "node:crypto";
import {scim} from "@better-auth/scim";
import {betterAuth} from "better-auth";
import {memoryAdapter} from "better-auth/adapters/memory";
import {getAuthTables} from "better-auth/db";
import {toNodeHandler} from "better-auth/node";

const handlers = new Map();

function handler(name) {
  if (handlers.has(name)) return handlers.get(name);
  const plugins = [scim({connections: [{id: "bridge", credentials: [{id: "token", token: process.env.TOKEN}]}]})];
  const tables = {};
  for (const table of Object.values(getAuthTables({plugins}))) tables[table.modelName] = [];
  handlers.set(name, toNodeHandler(betterAuth({
    plugins,
    database: memoryAdapter(tables),
    baseURL: "http://127.0.0.1",
    basePath: `/${name}`,
    secret: randomBytes(32).toString("base64"),
    rateLimit: {enabled: false},
    telemetry: {enabled: false},
    logger: {level: "error"},
  })));
  return handlers.get(name);
}

const server = http.createServer((request, response) => handler(request.url.split("/")[1])(request, response));
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
