// Recording from the microphone into a file.

export class Microphone {
  #recorder = null;

  static get available() {
    return Boolean(navigator.mediaDevices?.getUserMedia && globalThis.MediaRecorder);
  }
  get recording() {
    return this.#recorder !== null;
  }

  /** Ask for the microphone and start; throws if it is refused. */
  async start() {
    // Unprocessed: noise reduction would remove sounds to be separated.
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    this.#recorder = new MediaRecorder(stream, { audioBitsPerSecond: 256000 });
    this.#recorder.start();
  }

  /** Stop and return the file. */
  stop() {
    const recorder = this.#recorder;
    const parts = [];
    this.#recorder = null;
    return new Promise((resolve) => {
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.onstop = () => {
        recorder.stream.getTracks().forEach((track) => track.stop());
        const type = recorder.mimeType.split(";")[0];
        const name = `recording-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}`;
        resolve(new File(parts, `${name}.${type.endsWith("mp4") ? "m4a" : "webm"}`, { type }));
      };
      recorder.stop();
    });
  }
}
