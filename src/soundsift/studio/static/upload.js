// Upload of a recording: dropped, chosen, or recorded with the microphone.

import { upload } from "./api.js";
import { byId } from "./dom.js";
import { Microphone } from "./microphone.js";
import { sizeWords } from "./recordings.js";

export function setUpUpload({ onOpened, onError, onProgress }) {
  const input = byId("file");
  const microphone = new Microphone();

  const send = async (file) => {
    if (!file) return;
    onProgress(`Sending ${file.name}…`, 0);
    try {
      const size = sizeWords(file.size);
      onOpened(await upload(file, (part) =>
        onProgress(part < 1
          ? `Sending ${file.name}: ${sizeWords(part * file.size)} of ${size}`
          : `Sent. The server reads ${file.name} and draws its waveform…`, part)));
    } catch (error) {
      onError(error.message);
    } finally {
      onProgress(null);
    }
  };

  for (const open of document.querySelectorAll("[data-open]")) {
    open.addEventListener("click", () => input.click());
  }
  input.addEventListener("change", () => {
    send(input.files[0]);
    // So that the same file can be selected again.
    input.value = "";
  });

  let depth = 0;
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const dragging = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", (event) => hasFiles(event) && dragging(1));
  addEventListener("dragleave", (event) => hasFiles(event) && dragging(-1));
  addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    dragging(-depth);
    send(event.dataTransfer.files[0]);
  });

  const record = byId("record");
  record.hidden = !Microphone.available;
  record.addEventListener("click", async () => {
    try {
      if (microphone.recording) {
        const file = await microphone.stop();
        record.textContent = "Record";
        await send(file);
      } else {
        await microphone.start();
        record.textContent = "Stop and open";
      }
      record.setAttribute("aria-pressed", microphone.recording);
    } catch {
      onError("The microphone cannot be used. Allow it in the browser's settings.");
    }
  });
}
