// A small bot on unmodified Baileys: it answers every text with "eco: " and the text.
//
//     npm ci
//     node echo_bot.mjs SESSION_FOLDER [PHONE]
//
// Without PHONE it prints the text of its QR code, with PHONE it asks for a phone code and prints that.
// Started by `oxy-simulator trust -- node echo_bot.mjs …` it talks to the simulator.
import { DisconnectReason, jidNormalizedUser, makeWASocket, useMultiFileAuthState } from "baileys";
import pino from "pino";

const [folder, number] = process.argv.slice(2);
const phone = number?.replace(/\D/g, ""); // digits alone
const { state, saveCreds } = await useMultiFileAuthState(folder);
const sent = new Map(); // what a contact cannot read is asked for again

async function connect() {
  const socket = makeWASocket({
    auth: state,
    logger: pino({ level: "silent" }),
    getMessage: async ({ id }) => sent.get(id),
  });
  socket.ev.on("creds.update", saveCreds);
  socket.ev.on("connection.update", async ({ connection, qr, lastDisconnect }) => {
    if (qr && !phone) console.log("QR", qr);
    if (qr && phone && !state.creds.pairingCode) console.log("CODE", await socket.requestPairingCode(phone));
    if (connection === "open") console.log("connected");
    if (connection === "close") {
      const reason = lastDisconnect?.error?.output?.statusCode;
      console.log("disconnected", reason);
      const final = [DisconnectReason.loggedOut, DisconnectReason.connectionReplaced, DisconnectReason.forbidden];
      if (!final.includes(reason)) setTimeout(connect, 500);
    }
  });
  socket.ev.on("messages.upsert", async ({ messages }) => {
    for (const { key, message } of messages) {
      const text = message?.conversation || message?.extendedTextMessage?.text;
      if (key.fromMe || !text || !key.remoteJid.match(/@(lid|s\.whatsapp\.net)$/)) continue;
      const answer = await socket.sendMessage(jidNormalizedUser(key.remoteJid), { text: `eco: ${text}` });
      sent.set(answer.key.id, answer.message);
    }
  });
}

await connect();
