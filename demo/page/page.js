import {Matrix} from "./matrix.js";
import {Call, addressesKnown} from "./call.js";
import {Sound} from "./sound.js";
import {Story} from "./story.js";

const $ = (id) => document.getElementById(id);
const config = await (await fetch("config.json")).json();
const matrix = new Matrix(config.homeserver);
const sound = new Sound();
const story = new Story($("told"), $("detail"), $("empty"));
let call = null;
let notice = "";

$("rules").textContent = config.rules;

// --- what the bridge does ---

story.onRules = ({used, findings}) => {
  const time = new Date().toLocaleTimeString();
  $("loaded").textContent = used ? `${time}: the rules were read again, and the next call follows them.`
    : `${time}: the new rules cannot be used, and the next call follows those before.`;
  $("findings").textContent = findings;
  $("findings").hidden = !findings;
};

// --- the telephone ---

const says = {
  calling: "Calling…", ringing: "A call for you", connecting: "Connecting…", talking: "Talking",
};

function show() {
  const state = call?.state ?? "idle";
  const live = call && state !== "ended";
  $("peer").textContent = call ? call.who : "Nobody is on the line";
  $("state").textContent = notice || (!call ? "Type a number and call it, or have a telephone call you."
    : state === "ended" ? call.why
    : call.held ? "On hold"
    : call.farHeld ? "The other end holds the call"
    : says[state]);
  document.body.dataset.state = state;
  $("call").hidden = !!live;
  $("accept").hidden = $("decline").hidden = state !== "ringing";
  $("hangup").hidden = !live || state === "ringing";
  $("hold").hidden = state !== "talking";
  $("hold").setAttribute("aria-pressed", String(!!call?.held));
  $("hold").textContent = call?.held ? "Resume" : "Hold";
  $("far-hangup").disabled = !live;
}

function watch(next) {
  call = next;
  notice = "";
  let heard = null;
  call.onChange = () => {
    const track = call.state === "ended" ? null : call.connection?.getReceivers()[0]?.track ?? null;
    if (call === next && track !== heard) {
      heard = track;
      $("heard").srcObject = track && new MediaStream([track]);
      sound.hear(track);
    }
    show();
  };
  show();
}

// tried shows what goes wrong.
const tried = (act) => async (event) => {
  event?.preventDefault();
  try {
    sound.wake();
    await act(event);
  } catch (err) {
    notice = String(err.message ?? err);
    show();
  }
};

let placing = false;

async function place() {
  const number = $("number").value.trim();
  if (!number || placing || (call && call.state !== "ended")) return;
  placing = true;
  try {
    const user = await matrix.number(number);
    const room = await matrix.roomWith(user);
    const next = new Call(matrix, room, sound.track);
    next.who = number;
    watch(next);
    await next.place();
  } finally {
    placing = false;
  }
}

matrix.onEvent = (room, event) => {
  const content = event.content ?? {};
  if (event.type === "m.room.message" && event.sender !== matrix.user) {
    notice = String(content.body ?? ""); // the bridge says why it does not call
    return show();
  }
  if (!event.type.startsWith("m.call.")) return;
  if (event.type === "m.call.invite" && event.sender !== matrix.user) {
    if ((event.unsigned?.age ?? 0) > content.lifetime) return;
    if (placing || (call && call.state !== "ended")) {
      matrix.send(room, "m.call.reject", {call_id: content.call_id, party_id: matrix.device, version: "1", reason: "user_busy"});
      return;
    }
    const next = new Call(matrix, room, sound.track, {id: content.call_id, invite: content});
    next.who = matrix.names.get(event.sender) ?? event.sender;
    return watch(next);
  }
  if (call && room === call.room && content.call_id === call.id) call.handle(event);
};

// --- what people press ---

for (const key of "123456789*0#") {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = button.value = key;
  button.addEventListener("click", () => press(key));
  $("pad").append(button);
}

function press(key) {
  if (call?.state === "talking") {
    if (!call.key(key)) {
      notice = "The other end cannot hear keys.";
      show();
    }
    return;
  }
  $("number").value += key;
}

$("dial").addEventListener("submit", tried(place));
$("call").addEventListener("click", tried(place));
$("accept").addEventListener("click", tried(() => call.accept()));
$("decline").addEventListener("click", tried(() => call.decline()));
$("hangup").addEventListener("click", tried(() => call.hangup()));
$("hold").addEventListener("click", tried(() => call.hold(!call.held)));
$("ring").addEventListener("click", tried(() => ask("ring")));
$("far-hangup").addEventListener("click", tried(() => ask("hangup")));
$("numbers").addEventListener("click", tried((event) => {
  const number = event.target.closest("button")?.value;
  if (!number) return;
  $("number").value = number;
  return place();
}));
$("tone").addEventListener("change", tried(({target}) => sound.tone(target.checked)));
$("microphone").addEventListener("change", tried(async ({target}) => {
  target.disabled = true;
  try {
    await sound.microphone(target.checked);
    await addressesKnown();
  } catch (err) {
    target.checked = false;
    throw new Error("No microphone: " + err.message);
  } finally {
    target.disabled = false;
  }
}));
$("speaker").addEventListener("change", ({target}) => { $("heard").volume = target.checked ? 1 : 0; });

addEventListener("pagehide", () => call?.hangup());

async function ask(what) {
  const response = await fetch(what, {method: "POST"});
  if (!response.ok) throw new Error((await response.text()).trim());
}

// --- levels ---

async function packets(connection) {
  const counted = {sent: 0, received: 0};
  for (const report of (await connection.getStats()).values()) {
    if (report.type === "outbound-rtp") counted.sent += report.packetsSent;
    if (report.type === "inbound-rtp") counted.received += report.packetsReceived;
  }
  return counted;
}

setInterval(() => {
  const {out, in: heard} = sound.levels;
  const talking = call?.state === "talking";
  $("out").value = talking && !call.held ? out : 0;
  $("in").value = talking ? heard : 0;
}, 100);

setInterval(async () => {
  if (call?.state !== "talking") {
    $("packets").textContent = "";
    return;
  }
  const {sent, received} = await packets(call.connection);
  const hz = sound.pitch;
  $("packets").textContent = `${sent} packets sent, ${received} received` + (hz ? `, a tone of ${hz} Hz` : "");
}, 500);

// --- begin ---

show();
await matrix.login(config.user, config.password);
$("account").textContent = `You are ${matrix.user}`;
$("call").disabled = $("ring").disabled = false;
matrix.run((err) => {
  $("account").textContent = err ? `The homeserver does not answer: ${err.message}` : `You are ${matrix.user}`;
});
