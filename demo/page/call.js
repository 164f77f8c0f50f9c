// One call of a Matrix client (MSC2746, version 1 of m.call.*).

// A browser does not tell a page that may not hear its user the addresses of the
// machine. Everything here is on one machine, so the loopback one does.
function onThisMachine(candidate) {
  const parts = candidate.split(" ");
  if (parts.length < 8 || parts[2].toLowerCase() !== "udp" || parts[7] !== "host") return null;
  if (!/^\d+\.\d+\.\d+\.\d+$|\.local$/.test(parts[4])) return null;
  parts[4] = "127.0.0.1";
  return parts.slice(0, 8).join(" ");
}

// addressesKnown waits until the browser knows the addresses of the machine. It
// looks for them once the page may hear its user, and until it has found them
// gathers no candidate at all.
export async function addressesKnown() {
  for (let tries = 0; tries < 20; tries++) {
    const pc = new RTCPeerConnection();
    pc.createDataChannel("");
    const found = new Promise((done) => pc.addEventListener("icecandidate", ({candidate}) => {
      if (!candidate) done(false);
      else if (onThisMachine(candidate.candidate)) done(true);
    }));
    await pc.setLocalDescription();
    const known = await found;
    pc.close();
    if (known) return;
    await new Promise((done) => setTimeout(done, 100));
  }
}

const withoutCandidates = (sdp) => sdp.replace(/a=(candidate:.*|end-of-candidates)\r\n/g, "");

const lifetime = 60000; // ms

const reasons = {
  user_busy: "Busy", invite_timeout: "Nobody answers", user_hangup: "The other end has hung up",
  answered_elsewhere: "Answered elsewhere", ice_failed: "No sound gets through", ice_timeout: "No sound gets through",
};

export class Call {
  state = "calling"; // ringing, connecting, talking, ended
  held = false;      // by this side
  farHeld = false;
  why = "";
  who = "";
  onChange = () => {};

  #matrix; #room; #id; #party; #out; #pc; #track; #waiting = []; #flushing = null; #timer; #invite; #turn = Promise.resolve(); #said;
  #invited;

  constructor(matrix, room, track, {id, invite} = {}) {
    this.#matrix = matrix;
    this.#room = room;
    this.#track = track;
    this.#party = matrix.device;
    this.#out = !invite;
    this.#id = id ?? crypto.randomUUID();
    this.#invite = invite;
    if (invite) {
      this.state = "ringing";
      this.#timer = setTimeout(() => this.#end("Missed"), invite.lifetime ?? lifetime);
    }
  }

  get id() { return this.#id; }
  get room() { return this.#room; }
  get connection() { return this.#pc; }

  #send(type, content = {}) {
    return this.#matrix.send(this.#room, type, {call_id: this.#id, party_id: this.#party, version: "1", ...content});
  }

  #connect(track) {
    const pc = this.#pc = new RTCPeerConnection({bundlePolicy: "max-bundle"});
    pc.addTrack(track, new MediaStream([track]));
    pc.addEventListener("icecandidate", ({candidate}) => this.#trickle(candidate));
    pc.addEventListener("track", () => this.onChange());
    pc.addEventListener("connectionstatechange", () => {
      if (pc.connectionState === "failed") this.hangup("ice_failed");
      this.onChange();
    });
  }

  #trickle(candidate) {
    if (candidate?.candidate) {
      const here = onThisMachine(candidate.candidate);
      if (here) this.#waiting.push({candidate: here, sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex, usernameFragment: candidate.usernameFragment});
    } else {
      this.#waiting.push({candidate: ""});
    }
    this.#flush();
  }

  // Candidates go out together, after what they are about.
  #flush() {
    if (this.#flushing || !this.#invited) return;
    this.#flushing = setTimeout(async () => {
      this.#flushing = null;
      const candidates = this.#waiting.splice(0);
      if (candidates.length && this.state !== "ended") await this.#send("m.call.candidates", {candidates});
    }, 50);
  }

  place() { return this.#next(() => this.#place()); }

  async #place() {
    this.#connect(this.#track);
    await this.#pc.setLocalDescription();
    if (this.state === "ended") return; // by its user, meanwhile
    this.#said = "sendrecv";
    await this.#send("m.call.invite", {
      lifetime, offer: {type: "offer", sdp: withoutCandidates(this.#pc.localDescription.sdp)}, capabilities: {"m.call.dtmf": true, "m.call.transferee": false},
    });
    this.#invited = true;
    this.#flush();
    if (this.state === "calling") this.#timer = setTimeout(() => this.hangup("invite_timeout"), lifetime);
  }

  accept() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    return this.#next(() => this.#accept());
  }

  async #accept() {
    this.#connect(this.#track);
    await this.#pc.setRemoteDescription(this.#invite.offer);
    await this.#pc.setLocalDescription();
    this.#said = "sendrecv";
    await this.#send("m.call.answer", {
      answer: {type: "answer", sdp: withoutCandidates(this.#pc.localDescription.sdp)}, capabilities: {"m.call.dtmf": true, "m.call.transferee": false},
    });
    this.#invited = true;
    this.#flush();
  }

  async decline() {
    this.#end("Declined");
    await this.#send("m.call.reject", {reason: "user_hangup"});
  }

  async hangup(reason = "user_hangup") {
    if (this.state === "ended") return;
    this.#end(reason === "user_hangup" ? "You have hung up" : reasons[reason] ?? reason);
    await this.#send("m.call.hangup", {reason});
  }

  async hold(held) {
    this.held = held;
    this.#track.enabled = !held;
    this.#pc.getTransceivers()[0].direction = held ? "sendonly" : "sendrecv";
    this.onChange();
    await this.#next(() => this.#offer());
  }

  // offer says what is wanted of the sound, unless an offer is open or it was said.
  async #offer() {
    const pc = this.#pc;
    if (this.state === "ended" || pc.signalingState !== "stable" || pc.getTransceivers()[0].direction === this.#said) return;
    await pc.setLocalDescription();
    await this.#negotiate();
  }

  #negotiate() {
    this.#said = this.#pc.getTransceivers()[0].direction;
    const {type, sdp} = this.#pc.localDescription;
    return this.#send("m.call.negotiate", {lifetime, description: {type, sdp: withoutCandidates(sdp)}});
  }

  // key presses one; false where the far end cannot hear it.
  key(digit) {
    const dtmf = this.#pc?.getSenders()[0]?.dtmf;
    if (!dtmf?.canInsertDTMF) return false;
    dtmf.insertDTMF(dtmf.toneBuffer + digit, 120, 70);
    return true;
  }

  // handle takes an event of the call, one after the other.
  handle(event) { return this.#next(() => this.#act(event)); }

  #next(act) {
    this.#turn = this.#turn.then(act).catch((err) => this.#fail(err));
    return this.#turn;
  }

  async #act({type, sender, content}) {
    if (this.state === "ended") return;
    if (sender === this.#matrix.user && content.party_id === this.#party) return;
    switch (type) {
    case "m.call.answer":
      if (!this.#out) return this.#end("Answered elsewhere"); // by another device of this user
      if (this.state !== "calling" || sender === this.#matrix.user) return;
      clearTimeout(this.#timer);
      await this.#pc.setRemoteDescription(content.answer);
      this.#become("talking");
      await this.#send("m.call.select_answer", {selected_party_id: content.party_id});
      return;
    case "m.call.select_answer":
      if (content.selected_party_id !== this.#party) return this.#end("Answered elsewhere");
      if (this.state === "connecting") this.#become("talking");
      return;
    case "m.call.candidates":
      for (const candidate of content.candidates) {
        if (this.#pc?.remoteDescription) await this.#pc.addIceCandidate(candidate);
      }
      return;
    case "m.call.negotiate": return this.#renegotiate(content.description);
    case "m.call.reject": return this.#end(reasons[content.reason] === reasons.user_hangup ? "Declined" : reasons[content.reason] ?? "Declined");
    case "m.call.hangup": return this.#end(reasons[content.reason] ?? "The call has ended");
    case "m.call.asserted_identity":
      this.who = content.asserted_identity?.display_name || content.asserted_identity?.id || this.who;
      this.onChange();
    }
  }

  async #renegotiate(description) {
    const pc = this.#pc;
    if (description.type === "answer") {
      if (pc.signalingState !== "have-local-offer") return; // to an offer that was taken back
      await pc.setRemoteDescription(description);
    } else {
      if (pc.signalingState !== "stable" && this.#out) return; // who has called lets the other's be
      await pc.setRemoteDescription(description);
      await pc.setLocalDescription();
      await this.#negotiate();
    }
    await this.#offer(); // what has changed meanwhile
    this.farHeld = /a=(sendonly|inactive)\r\n/.test(pc.remoteDescription.sdp) && !this.held;
    this.onChange();
  }

  #become(state) {
    this.state = state;
    this.onChange();
  }

  #fail(err) {
    if (this.state !== "ended") this.hangup("unknown_error").catch(() => {});
    this.why = String(err.message ?? err);
    this.onChange();
  }

  #end(why) {
    clearTimeout(this.#timer);
    clearTimeout(this.#flushing);
    this.state = "ended";
    this.why = why;
    this.#track.enabled = true;
    this.#pc?.close();
    this.onChange();
  }
}
