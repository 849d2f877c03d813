// The video, in step with the tracks. It is silent: what is heard comes from the tracks.

/** Seconds by which the picture may be off before it is moved; half a frame to either side at 25 frames a second. */
const TOLERANCE = 0.08;

export class Video {
  constructor(stage, video, player) {
    this.stage = stage;
    this.video = video;
    this.player = player;
    video.muted = true;
    player.addEventListener("play", () => {
      this.#align(0);
      // Refused where it is hidden or not loaded yet; the next "timeupdate" brings it along.
      video.play().catch(() => {});
    });
    player.addEventListener("pause", () => {
      video.pause();
      this.#align(0);
    });
    player.addEventListener("timeupdate", () => this.#align(player.paused ? 0 : TOLERANCE));
    video.addEventListener("click", () => player.toggle());
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
