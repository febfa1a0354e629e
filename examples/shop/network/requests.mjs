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
  const body = received.subarray(bodyStart, length).toString('latin1');
  return {
    method,
    path,
    // By the header that Next's client sends with every Server Action, or by React's fields in a form without JavaScript.
    isAction: method === 'POST' && (/^next-action:/im.test(head) || body.includes('name="$ACTION_')),
    body,
    bytes: received.subarray(0, length),
  };
}
