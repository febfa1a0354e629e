/** A Response as it is recorded: its body is read to the end, since a stream is not a finished result. */

export interface RecordedResponse {
  readonly status: number;
  readonly statusText: string;
  readonly headers: readonly (readonly [string, string])[];
  /** Text where the bytes are UTF-8, so that a record of JSON can be read in Redis; null for none. */
  readonly body: string | Uint8Array | null;
}

/** A response that was read, or what kept it from being read. */
export interface ReadResponse {
  readonly record: RecordedResponse;
  /** Why the record is not the response. */
  readonly fault: Error | undefined;
  /** What came of the body before the fault; undefined when that is nothing anybody can be given. */
  readonly partial: Uint8Array | undefined;
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
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * By its name, since a test runner's Response may be of another realm, and an HTTP client's of another implementation.
 */
export function isResponse(value: unknown): value is Response {
  try {
    return Object.prototype.toString.call(value) === '[object Response]';
  } catch {
    return false; // A proxy that was revoked.
  }
}

/** Never rejects: whoever made the response has done its work. */
export async function readResponse(response: Response): Promise<ReadResponse> {
  try {
    return await read(response);
  } catch (cause) {
    // It only calls itself a response, or is one that cannot be looked at.
    const record = { status: 0, statusText: '', headers: [], body: null };
    return { record, fault: new TypeError('it cannot be read', { cause }), partial: undefined };
  }
}

async function read(response: Response): Promise<ReadResponse> {
  const { status, statusText } = response;
  const headers = [...response.headers].filter(([name]) => !NOT_RECORDED.has(name));
  const record = (body: RecordedResponse['body']) => ({ status, statusText, headers, body });
  const failed = (fault: Error, partial?: Uint8Array) => ({ record: record(null), fault, partial });
  // That of Response.error() is 0, and no other response can be made with it.
  if (status < 200 || status > 599) return failed(new RangeError(`its status is ${status}`));
  const { body } = response;
  if (body === null || WITHOUT_BODY.has(status)) return { record: record(null), fault: undefined, partial: undefined };
  if (body.locked || response.bodyUsed) return failed(new TypeError('its body was read already, or is being read'));
  const { bytes, fault } = await readToEnd(body);
  if (fault !== undefined) return failed(new Error('its body broke off', { cause: fault.reason }), bytes);
  return { record: record(asText(bytes) ?? bytes), fault: undefined, partial: undefined };
}

async function readToEnd(body: ReadableStream<unknown>): Promise<{ bytes: Uint8Array; fault?: { reason: unknown } }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(bytesOf(chunk));
    return { bytes: joined(chunks) };
  } catch (reason) {
    return { bytes: joined(chunks), fault: { reason } };
  }
}

/** Next writes texts as well as bytes. */
function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return new TextEncoder().encode(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError('its body is a stream of something else than bytes');
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : new Uint8Array(Buffer.concat(chunks));
}

function asText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const FIELDS = 'body,headers,status,statusText';

/** Whether a value is the record of a response. Only our routes write such values, and operators what they found. */
export function isRecordedResponse(value: unknown): value is RecordedResponse {
  if (typeof value !== 'object' || value === null || Object.keys(value).sort().join() !== FIELDS) return false;
  const { status, statusText, headers, body } = value as Record<keyof RecordedResponse, unknown>;
  return (
    Number.isInteger(status) &&
    typeof statusText === 'string' &&
    Array.isArray(headers) &&
    headers.every(isHeader) &&
    (body === null || typeof body === 'string' || body instanceof Uint8Array)
  );
}

function isHeader(entry: unknown): boolean {
  return Array.isArray(entry) && entry.length === 2 && entry.every((part) => typeof part === 'string');
}
