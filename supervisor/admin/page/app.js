"use strict";
const stream = new EventSource("stream");
stream.addEventListener("status", (message) => {
  document.getElementById("status").textContent = JSON.stringify(JSON.parse(message.data), null, 2);
});
