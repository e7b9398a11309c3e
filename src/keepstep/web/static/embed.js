// For pages of other sites that frame a wizard: each frame becomes as high as its page says. Heights come by message, and count only
// when they come from a frame that shows an address of the server that this script is from.
(() => {
  "use strict";
  const origin = new URL(document.currentScript.src).origin;
  addEventListener("message", (event) => {
    const height = event.data && event.data.keepstepHeight;
    if (event.origin !== origin || !(height > 0 && height < 100000)) return;
    for (const frame of document.querySelectorAll("iframe")) {
      if (frame.contentWindow !== event.source) continue;
      frame.style.height = `${Math.ceil(height)}px`;
      if (event.data.keepstepTop && frame.getBoundingClientRect().top < 0) frame.scrollIntoView();
    }
  });
})();
