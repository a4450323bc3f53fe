// A page's program, in Node: socket.io-client from npm. Arguments: its folder, the host, a transport.
import { createRequire } from "node:module";

const [, , modules, url, transport] = process.argv;
const { io } = createRequire(`${modules}/x.js`)("socket.io-client");

const say = (what, data) => console.log(JSON.stringify({ what, data }));
const socket = io(url, { transports: transport.split(","), auth: { device: "page" }, reconnection: false });

socket.on("connect_error", (error) => { say("refused", { message: error.message, ...error.data }); });
socket.on("joined", ({ member }) => say("joined", member.device));
socket.on("message", ({ device, data }) => say("message", { device, data: Buffer.isBuffer(data) ? [...data] : data }));
let seen = false;
socket.on("pose", ({ device, values }) => {
  if (!seen) say("pose", { device, rows: values.body33.length, first: values.body33[0], second: values.body33[1] });
  seen = true;
});
socket.on("disconnect", (reason) => say("disconnect", reason)); // the program ends by itself when all is sent

socket.on("connect", async () => {
  const joined = await socket.emitWithAck("join", "studio", { publish: ["pose"] });
  say("join", { ok: joined.ok, members: joined.members.map(({ device }) => device) });
  const landmarks = Array.from({ length: 33 }, (_, n) => ({ x: n / 100, y: 0.5, z: 0, visibility: 1 }));
  const timer = setInterval(() => socket.emit("pose", { body: landmarks, left_hand: null }), 30);
  socket.on("message", async ({ data }) => {
    if (data === "stop") {
      clearInterval(timer);
      say("sent", await socket.emitWithAck("message", { from: "page" }, { to: "arm" }));
      say("bytes", await socket.emitWithAck("message", Buffer.from([1, 2, 3])));
      say("nonsense", (await socket.emitWithAck("pose", { body: [[1, 2, 3]] })).error);
      socket.disconnect();
    }
  });
});
