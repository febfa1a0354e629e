/** A response as it is recorded, and back. Its body is read to the end: a stream is not a finished result. */

export interface RecordedResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Text where the bytes are UTF-8, so that a record of JSON can be read in Redis; null for none. */
  readonly body: string | Uint8Array | null;
}

/** They belong to one connection or one moment; a cookie belongs to one browser. */
const NOT_RECORDED = new Set([
  'set-cookie',
  'x-middleware-set-cookie', // the same once more, by NextResponse
  'date',
  'age',
  'connection',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const WITHOUT_BODY = new Set([101, 204, 205, 304]);

async function readBody(response: Response): Promise<RecordedResponse['body']> {
  if (response.body === null || WITHOUT_BODY.has(response.status)) return null;
  const bytes = new Uint8Array(await response.arrayBuffer());
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes;
  }
}

export async function recordOf(response: Response): Promise<RecordedResponse> {
  const { status, statusText } = response;
  const headers = [...response.headers].filter(([name]) => !NOT_RECORDED.has(name));
  return { status, statusText, headers, body: await readBody(response) };
}

/** As bytes: for text, Response would add a content type. */
function bodyOf({ body }: RecordedResponse): Uint8Array<ArrayBuffer> | null {
  return typeof body === 'string' ? new TextEncoder().encode(body) : (body as Uint8Array<ArrayBuffer> | null);
}

export function responseOf(record: RecordedResponse): Response {
  const { status, statusText, headers } = record;
  const all = new Headers(headers.map(([name, value]) => [name, value] as [string, string]));
  all.set('idempotent-replayed', 'true');
  return new Response(bodyOf(record), { status, statusText, headers: all });
}

/** The first response keeps what is not recorded: its cookies. */
export function firstResponse({ status, statusText, headers: given }: Response, record: RecordedResponse): Response {
  const headers = new Headers(given);
  headers.delete('content-length');
  return new Response(bodyOf(record), { status, statusText, headers });
}
