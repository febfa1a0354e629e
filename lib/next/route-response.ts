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

export function responseOf({ status, statusText, headers, body }: RecordedResponse, isReplayed: boolean): Response {
  const all = new Headers(headers.map(([name, value]) => [name, value] as [string, string]));
  if (isReplayed) all.set('idempotent-replayed', 'true');
  return new Response(body as string | Uint8Array<ArrayBuffer> | null, { status, statusText, headers: all });
}

/** The first response keeps what is not recorded: its cookies. */
export function firstResponse(original: Response, { body }: RecordedResponse): Response {
  const headers = new Headers(original.headers);
  headers.delete('content-length');
  return new Response(body as string | Uint8Array<ArrayBuffer> | null, {
    status: original.status,
    statusText: original.statusText,
    headers,
  });
}
