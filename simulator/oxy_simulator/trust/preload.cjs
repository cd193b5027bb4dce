/**
 * Makes an unmodified Baileys, and whatever else runs on Node.js, reach and trust the simulator; for tests only.
 *
 * Baileys accepts a server only if its Noise certificates end in a root key that is compiled into it
 * (`src/Defaults/index.ts`, WA_CERT_DETAILS), and neither `ws` nor `fetch` takes a proxy from the environment.
 * So, in this process alone: that key is read as the simulator's, and TLS connections to WhatsApp's hosts go
 * through the proxy of HTTPS_PROXY. Connections that the program itself sends through a proxy are left alone.
 *
 * Use: NODE_OPTIONS="--require …/preload.cjs", HTTPS_PROXY, NODE_EXTRA_CA_CERTS (the simulator's ca.crt) and
 * OXY_NOISE_ROOT_FILE (a file with the new root, 64 hexadecimal digits). Without the last nothing happens.
 */
"use strict";

const ORIGINAL_ROOT = "142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b";
const WHATSAPP_HOST = /(^|\.)whatsapp\.(com|net)$/;

if (process.env.OXY_NOISE_ROOT_FILE) {
  replaceRoot(process.env.OXY_NOISE_ROOT_FILE);
  sendThroughProxy(process.env.HTTPS_PROXY);
}

/** Let Baileys read the key in a file where it writes WhatsApp's; throws if the file holds no key. */
function replaceRoot(file) {
  const root = require("node:fs").readFileSync(file, "ascii").trim();
  if (!/^[0-9a-f]{64}$/i.test(root)) {
    throw new Error(`${file} must hold the simulator's Noise root key, 64 hexadecimal digits`);
  }
  const from = Buffer.from;
  Buffer.from = function (value, ...rest) {
    return from.call(this, value === ORIGINAL_ROOT ? root : value, ...rest);
  };
}

/** Let TLS connections to WhatsApp's hosts go through an HTTP proxy; throws if its URL is missing. */
function sendThroughProxy(url) {
  if (!url) {
    throw new Error("HTTPS_PROXY must name the simulator's proxy; see `oxy-simulator trust`");
  }
  const tls = require("node:tls");
  const connect = tls.connect;
  tls.connect = function (...args) {
    const options = typeof args[0] === "object" ? args[0] : {};
    const host = options.servername || options.host || "";
    if (options.socket || !WHATSAPP_HOST.test(host)) {
      return connect.apply(this, args);
    }
    const socket = tunnel(new URL(url), `${host}:${options.port ?? 443}`);
    return connect.call(this, { ...options, socket }, ...args.slice(1));
  };
  require("node:module").syncBuiltinESMExports();
}

/** Return a stream to a target behind a proxy; it may be written to before the proxy has answered. */
function tunnel(proxy, target) {
  const { Duplex } = require("node:stream");
  let socket;
  const answered = new Promise((resolve, reject) => {
    const { hostname, port, username, password } = proxy;
    const auth = username ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : undefined;
    const headers = auth ? { "Proxy-Authorization": `Basic ${Buffer.from(auth).toString("base64")}` } : {};
    require("node:http")
      .request({ host: hostname, port: port || 80, method: "CONNECT", path: target, headers, agent: false })
      .on("connect", (answer, opened, head) => {
        if (answer.statusCode !== 200) {
          opened.destroy();
          reject(new Error(`the proxy answered ${answer.statusCode} for ${target}`));
          return;
        }
        socket = opened;
        if (head.length) stream.push(head);
        opened.on("data", (data) => stream.push(data) || opened.pause());
        opened.on("end", () => stream.push(null));
        opened.on("error", (error) => stream.destroy(error));
        opened.on("close", () => stream.destroy());
        resolve();
      })
      .on("error", reject)
      .end();
  });
  const stream = new Duplex({
    read: () => socket?.resume(),
    write: (data, _encoding, done) => answered.then(() => socket.write(data, done), done),
    final: (done) => answered.then(() => socket.end(done), done),
    destroy: (error, done) => (socket?.destroy(), done(error)),
  });
  answered.catch((error) => stream.destroy(error));
  return stream;
}
