// A worker that reads a flood slowly: it may stand still after each message, which the page must not.

const PAUSE = 10; // milliseconds

function standStill() {
  const end = performance.now() + PAUSE;
  while (performance.now() < end);
}

addEventListener("message", ({ data: address }) => {
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  let wasOpen = false;
  let count = 0;
  let inOrder = true;
  socket.onopen = () => { wasOpen = true; };
  socket.onmessage = ({ data }) => {
    inOrder &&= new DataView(data).getUint32(0) === count;
    count += 1;
    standStill();
  };
  socket.onclose = ({ code, reason }) => postMessage({ wasOpen, code, reason, count, inOrder });
}, { once: true });
