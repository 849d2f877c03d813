// The video, muted and in sync with the tracks.

/** Largest tolerated offset of the picture in seconds: two frames at 25 frames per second. */
const TOLERANCE = 0.08;

export class Video {
  constructor(stage, video, player) {
    this.stage = stage;
    this.video = video;
    this.player = player;
    video.muted = true;
    player.addEventListener("play", () => {
      this.#align(0);
      // Refused while hidden or not loaded; the next "timeupdate" tries again.
      video.play().catch(() => {});
    });
    player.addEventListener("pause", () => {
      video.pause();
      this.#align(0);
    });
    player.addEventListener("timeupdate", () => this.#align(player.paused ? 0 : TOLERANCE));
  }

  /** Show the video at `url`, or none. */
  show(url) {
    this.stage.hidden = url === null;
    if (url === null) this.video.removeAttribute("src");
    else if (this.video.getAttribute("src") !== url) this.video.src = url;
    this.#align(0);
  }

  #align(tolerance) {
    if (this.stage.hidden) return;
    const off = Math.abs(this.video.currentTime - this.player.currentTime);
    if (off > tolerance + 0.001) this.video.currentTime = this.player.currentTime;
  }
}
