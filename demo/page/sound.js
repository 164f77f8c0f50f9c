// What is sent and what is heard, and how loud both are.

const toneHz = 620;

// loudness of an analyser, from 0 (-60 dB and less) to 1 (full scale).
function loudness(analyser) {
  const samples = new Float32Array(analyser.fftSize);
  analyser.getFloatTimeDomainData(samples);
  const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
  return Math.min(1, Math.max(0, 1 + 10 * Math.log10(power + 1e-9) / 60));
}

export class Sound {
  #audio = new AudioContext();
  #out = this.#audio.createMediaStreamDestination();
  #sent = this.#audio.createAnalyser();
  #heard = this.#audio.createAnalyser();
  #tone = this.#audio.createGain();
  #microphone; #incoming;

  constructor() {
    const wave = this.#audio.createOscillator();
    wave.frequency.value = toneHz;
    this.#tone.gain.value = 0.2;
    wave.connect(this.#tone).connect(this.#sent).connect(this.#out);
    wave.start();
  }

  // track is what calls send: always the same, whatever sounds in it.
  get track() { return this.#out.stream.getAudioTracks()[0]; }

  // wake begins to sound; browsers allow it once the user has pressed something.
  wake() { return this.#audio.resume(); }

  tone(on) { this.#tone.gain.value = on ? 0.2 : 0; }

  async microphone(on) {
    if (!on) {
      this.#microphone?.mediaStream.getTracks().forEach((track) => track.stop());
      this.#microphone?.disconnect();
      this.#microphone = null;
      return;
    }
    const stream = await navigator.mediaDevices.getUserMedia({audio: true});
    this.#microphone = this.#audio.createMediaStreamSource(stream);
    this.#microphone.connect(this.#sent);
  }

  // hear measures a track; null: none.
  hear(track) {
    this.#incoming?.disconnect();
    this.#incoming = track ? this.#audio.createMediaStreamSource(new MediaStream([track])) : null;
    this.#incoming?.connect(this.#heard);
  }

  get levels() {
    return {out: loudness(this.#sent), in: this.#incoming ? loudness(this.#heard) : 0};
  }

  // pitch is the loudest frequency heard, in Hz; 0: all is quiet.
  get pitch() {
    const levels = new Float32Array(this.#heard.frequencyBinCount);
    this.#heard.getFloatFrequencyData(levels);
    const loudest = levels.indexOf(Math.max(...levels));
    return levels[loudest] > -60 ? Math.round(loudest * this.#audio.sampleRate / this.#heard.fftSize) : 0;
  }
}
