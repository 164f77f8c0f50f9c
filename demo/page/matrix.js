// A Matrix client, as far as a telephone needs one: login, /sync by long
// polling, rooms, events, third-party lookups.

export class Matrix {
  #base; #token; #since; #sent = 0;
  user = ""; device = "";
  names = new Map(); // display names of users
  onEvent = (room, event) => {};

  constructor(base) { this.#base = base; }

  async request(method, path, body) {
    const response = await fetch(this.#base + "/_matrix/client/v3/" + path, {
      method,
      headers: this.#token ? {Authorization: "Bearer " + this.#token} : {},
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive: method === "PUT", // a goodbye outlives the page
    });
    const reply = await response.json();
    if (!response.ok) throw new Error(reply.error ?? reply.errcode ?? response.statusText);
    return reply;
  }

  async login(user, password) {
    const reply = await this.request("POST", "login", {
      type: "m.login.password", identifier: {type: "m.id.user", user}, password, initial_device_display_name: "Vertigo's page",
    });
    this.#token = reply.access_token;
    this.user = reply.user_id;
    this.device = reply.device_id;
  }

  // run follows what happens, until the page is closed.
  async run(onTrouble) {
    for (;;) {
      try {
        const first = this.#since === undefined;
        const query = first ? "timeout=0" : "timeout=30000&since=" + encodeURIComponent(this.#since);
        const reply = await this.request("GET", "sync?" + query);
        this.#since = reply.next_batch;
        onTrouble(null);
        for (const room of Object.keys(reply.rooms?.invite ?? {})) await this.request("POST", `rooms/${encodeURIComponent(room)}/join`, {});
        for (const [room, {state, timeline}] of Object.entries(reply.rooms?.join ?? {})) {
          for (const event of [...state.events, ...timeline.events]) this.#take(room, event, first);
        }
      } catch (err) {
        onTrouble(err);
        await new Promise((done) => setTimeout(done, 1000));
      }
    }
  }

  #take(room, event, old) {
    if (event.type === "m.room.member") this.names.set(event.state_key, event.content.displayname ?? event.state_key);
    if (!old) this.onEvent(room, event);
  }

  send(room, type, content) {
    const id = `${this.device}.${Date.now()}.${this.#sent++}`;
    return this.request("PUT", `rooms/${encodeURIComponent(room)}/send/${encodeURIComponent(type)}/${encodeURIComponent(id)}`, content);
  }

  // number gives the user who stands for a number.
  async number(typed) {
    const found = await this.request("GET", "thirdparty/user/m.protocol.pstn?m.id.phone=" + encodeURIComponent(typed));
    if (found.length === 0) throw new Error(`${typed} is no telephone number`);
    return found[0].userid;
  }

  // roomWith gives the room of just the two, and makes it if there is none.
  async roomWith(user) {
    const {joined_rooms: rooms} = await this.request("GET", "joined_rooms");
    for (const room of rooms) {
      const {joined} = await this.request("GET", `rooms/${encodeURIComponent(room)}/joined_members`);
      if (Object.keys(joined).length === 2 && joined[user]) return room;
    }
    const made = await this.request("POST", "createRoom", {preset: "trusted_private_chat", is_direct: true, invite: [user]});
    return made.room_id;
  }
}
