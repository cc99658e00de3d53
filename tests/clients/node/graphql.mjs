// graphql-ws's own client: what it hears, one JSON value a line. The argument is the server's address, of HTTP. It ends by
// itself, or with an error after ten seconds.

import { createClient } from "graphql-ws";
import WebSocket from "ws";

const say = (value) => console.log(JSON.stringify(value));

setTimeout(() => process.exit(1), 10_000).unref();

const client = createClient({
  url: process.argv[2].replace("http", "ws"),
  webSocketImpl: WebSocket,
  lazy: false, // One connection for all.
  retryAttempts: 0,
});
const closed = new Promise((resolve) => client.on("closed", resolve));

for await (const result of client.iterate({ query: "{ hello }" })) say(result);
for await (const result of client.iterate({ query: "subscription { count(target: 3) }" })) say(result);
for await (const result of client.iterate({ query: "subscription { feed }" })) {
  say({ news: result.data.feed.length });
  break; // The client asks for no more of them.
}
await client.dispose();
const { code, wasClean } = await closed;
say({ code, wasClean });
