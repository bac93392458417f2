import type { ApiMedia, ApiParameter, FoundOperation } from '../../test/openapi/document.ts'
import { exampleOf, fieldsOf, type Resolve } from './json-schema.ts'

/** Commands that make a call, with the examples of its parameters; one for each form of answer. */
export function curlOf(found: FoundOperation, resolve: Resolve): string[] {
  const { operation, method } = found
  const address = addressOf(found)
  if (operation.responses[101])
    return [`websocat "${address.replace('$WORKER', '$SOCKETS')}?token=$TOKEN"`]
  const { content = {}, required = false } = operation.requestBody ?? {}
  const body = required ? bodyOf(content, resolve) : []
  const parts = [
    ...methodOf(method, body.length > 0),
    ...(operation.security?.length ? ['-H "Authorization: Bearer $TOKEN"'] : []),
    ...parametersOf(found, 'header').map(({ name, example }) => `-H '${name}: ${example}'`),
    ...body,
  ]
  const [success] = Object.values(operation.responses)
  const types = Object.keys(success?.content ?? {}).filter((type) =>
    /^text\/(plain|event)/.test(type),
  )
  const isOnlyText = types.length === 1 && Object.keys(success?.content ?? {}).length === 1
  const others = isOnlyText ? [] : types.map((type) => [...parts, `-H 'Accept: ${type}'`])
  const ranges = operation.responses[206] ? [[...parts, "-H 'Range: bytes=0-1023'"]] : []
  return [parts, ...others, ...ranges].map((each) => lines(address, each))
}

function lines(address: string, parts: readonly string[]): string {
  const line = ['curl', ...parts, `"${address}"`].join(' ')
  if (line.length <= 100) return line
  return [`curl "${address}"`, ...parts].join(' \\\n  ')
}

function addressOf(found: FoundOperation): string {
  const path = parametersOf(found, 'path').reduce(
    (whole, { name, example }) => whole.replace(`{${name}}`, String(example)),
    found.path,
  )
  const query = parametersOf(found, 'query').map(({ name, example }) => `${name}=${example}`)
  return `$WORKER${path}${query.length > 0 ? `?${query.join('&')}` : ''}`
}

/** Optional in the document, because uploads that are joined have none of their own. */
const SHOWN = new Set(['Upload-Length', 'Upload-Metadata'])

/** Those that the call needs. */
function parametersOf({ operation }: FoundOperation, place: string): ApiParameter[] {
  const { parameters = [] } = operation
  return parameters.filter(
    ({ in: where, name, required }) => where === place && (required || SHOWN.has(name)),
  )
}

/** What curl does not choose by itself. */
function methodOf(method: string, hasBody: boolean): string[] {
  if (method === 'head') return ['--head']
  return method === 'get' || (method === 'post' && hasBody) ? [] : [`-X ${method.toUpperCase()}`]
}

function bodyOf(content: Record<string, ApiMedia>, resolve: Resolve): string[] {
  const [type, media] = Object.entries(content)[0] ?? []
  if (!type || !media) return []
  if (type === 'multipart/form-data') {
    const fields = fieldsOf(media.schema, resolve).filter(({ isRequired }) => isRequired)
    return fields.map(({ name, schema }) =>
      schema.format === 'binary'
        ? `-F ${name}=@part.bin`
        : `-F ${name}=${exampleOf(schema, resolve)}`,
    )
  }
  if (type !== 'application/json') return [`-H 'Content-Type: ${type}'`, '--data-binary @part.bin']
  const { oneOf: [choice] = [] } = media.schema as { oneOf?: { required: string[] }[] }
  const body = exampleOf(media.schema, resolve, ({ name, isRequired }) =>
    choice ? choice.required.includes(name) : isRequired,
  )
  return ["-H 'Content-Type: application/json'", `-d '${JSON.stringify(body)}'`]
}
