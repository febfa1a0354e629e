// Cuts the bytes of one client connection into whole HTTP/1.1 requests. Browsers send one at a time, with a
// content-length when there is a body: that is all this reads.

/** @param onRequest called with { method, path, isAction, body, bytes } for each request that is complete */
export function readRequests(socket, onRequest) {
  let received = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    for (let request = firstRequest(received); request; request = firstRequest(received)) {
      received = received.subarray(request.bytes.length);
      onRequest(request);
    }
  });
}

function firstRequest(received) {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = received.toString('latin1', 0, headEnd);
  const bodyStart = headEnd + 4;
  const length = bodyStart + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  if (received.length < length) return undefined;
  const [method, path] = head.split(' ', 2);
  return {
    method,
    path,
    // The header that Next's client puts on every call of a Server Action.
    isAction: method === 'POST' && /^next-action:/im.test(head),
    body: received.subarray(bodyStart, length).toString('latin1'),
    bytes: received.subarray(0, length),
  };
}
