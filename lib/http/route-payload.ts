/**
 * What a retry has to send again: the body by its meaning. A client that writes its JSON anew, or draws another
 * multipart boundary, still sends the same payload.
 */
const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\b/i;
const FORM_TYPE = /^(?:multipart\/form-data|application\/x-www-form-urlencoded)\b/i;

export async function payloadOf(request: Request, rawBody: Uint8Array): Promise<unknown> {
  const type = request.headers.get('content-type') ?? '';
  try {
    if (JSON_TYPE.test(type)) return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(rawBody));
    if (FORM_TYPE.test(type)) return await new Response(rawBody, { headers: { 'content-type': type } }).formData();
  } catch {
    // The body is not what its type says, so it is compared as it is.
  }
  return rawBody;
}
