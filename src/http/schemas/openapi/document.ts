import { z } from 'zod'
import { type ErrorCode, lineOf } from '../../../errors.ts'
import { HEADERS, type HeaderName, REFUSAL_HEADERS } from '../headers.ts'
import type { Unfinished } from './operation.ts'
import { REFUSAL_EXAMPLES } from './refusal-examples.ts'

/** The parts of an OpenAPI document that are worked on here. */
export interface ApiDocument {
  paths?: Record<string, Record<string, ApiOperation>>
  components?: { schemas?: Record<string, unknown>; headers?: Record<string, unknown> }
}

interface ApiOperation extends Partial<Unfinished> {
  operationId?: string
  requestBody?: { required?: boolean }
  responses: Record<string, ApiResponse>
}

interface ApiResponse {
  description?: string
  headers?: Record<string, { $ref: string }>
  content?: Record<string, { schema?: unknown; examples?: Record<string, unknown> }>
}

/** Adds what Fastify's schemas have no words for: refusals by status, and headers of answers. */
export function completeDocument<Document extends ApiDocument>(document: Document): Document {
  const paths = Object.entries(document.paths ?? {}).map(([path, methods]) => [
    path,
    Object.fromEntries(
      Object.entries(methods).map(([method, found]) => [method, complete(found, method)]),
    ),
  ])
  const completed = {
    ...document,
    paths: Object.fromEntries(paths),
    components: { ...document.components, headers: HEADERS },
  }
  return { ...completed, components: { ...completed.components, schemas: schemasIn(completed) } }
}

function complete(found: ApiOperation, method: string): ApiOperation {
  const {
    'x-refusals': refusals = [],
    'x-headers': headers = {},
    'x-optional-body': optionalBody = false,
    'x-link': isLink = false,
    requestBody,
    operationId = '',
    ...rest
  } = found
  const answers = Object.entries(found.responses).map(([status, response]) => [
    status,
    { ...response, headers: headerRefs(['Server-Timing', ...(headers[status] ?? [])]) },
  ])
  const responses: Record<string, ApiResponse> = Object.fromEntries(answers)
  for (const [status, codes] of byStatus(refusals)) {
    const how = { hasNoBody: method === 'head', isLink: method === 'get' && isLink }
    responses[status] = merge(responses[status], toResponse(Number(status), codes, how))
  }
  return {
    // @fastify/swagger adds `-head` to the id of a HEAD route, as if it were a copy of GET.
    operationId: operationId.replace(/-head$/, ''),
    ...rest,
    ...(requestBody && { requestBody: { ...requestBody, required: !optionalBody } }),
    responses,
  }
}

function byStatus(codes: readonly ErrorCode[]): Map<string, ErrorCode[]> {
  return Map.groupBy(codes, (code) => String(lineOf(code).status))
}

/** A browser gets this instead of JSON. */
const PAGE = { schema: { type: 'string', description: 'The same as a page, for people.' } }

function toResponse(
  status: number,
  codes: readonly ErrorCode[],
  { hasNoBody, isLink }: { hasNoBody: boolean; isLink: boolean },
): ApiResponse {
  const headers: HeaderName[] = ['Server-Timing', ...(REFUSAL_HEADERS[status] ?? [])]
  if (codes.some((code) => lineOf(code).retryable)) headers.push('Retry-After')
  const description = `Refused: ${codes.map((code) => `\`${code}\``).join(', ')}.`
  if (hasNoBody) return { description, headers: headerRefs(headers) }
  const [first] = codes
  const code = { enum: codes, description: 'Which of them.', examples: [first] }
  const schema = { allOf: [{ $ref: '#/components/schemas/Error' }, { properties: { code } }] }
  const examples = Object.fromEntries(codes.map((each) => [each, { value: exampleOf(each) }]))
  if (isLink) headers.push('Vary')
  const json = { 'application/json': { schema, examples } }
  const content = isLink ? { ...json, 'text/html': PAGE } : json
  return { description, headers: headerRefs(headers), content }
}

/**
 * Joins a call's own answer and its refusals, if both have the same status. `/readyz` has such an
 * answer: its report that the worker is not ready is a 503, and so are some refusals.
 */
function merge(answer: ApiResponse | undefined, refusal: ApiResponse): ApiResponse {
  if (!answer) return refusal
  const own = answer.content?.['application/json']?.schema
  const refused = refusal.content?.['application/json']
  return {
    description: `${answer.description} ${refusal.description}`,
    headers: { ...answer.headers, ...refusal.headers },
    content: {
      ...refusal.content,
      'application/json': { ...refused, schema: { anyOf: [own, refused?.schema] } },
    },
  }
}

function exampleOf(code: ErrorCode): object {
  const words = REFUSAL_EXAMPLES[code]
  const { error, ...details } = typeof words === 'string' ? { error: words } : words
  return { error, code, ...details }
}

function headerRefs(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** Returns the schemas that the paths refer to: each was made for requests and for answers. */
function schemasIn({ paths, components }: ApiDocument): Record<string, unknown> {
  const all = components?.schemas ?? {}
  const used: Record<string, unknown> = {}
  const queue: unknown[] = [paths]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const [, name = ''] of JSON.stringify(next).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      if (Object.hasOwn(used, name)) continue
      used[name] = all[name]
      queue.push(all[name])
    }
  }
  return Object.fromEntries(Object.entries(used).sort(([a], [b]) => a.localeCompare(b)))
}

/** Options of zod's JSON Schema. */
export const TO_JSON = {
  override: ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: object }) => {
    const { _zod } = zodSchema
    // Fields may be added later, and generated clients must not refuse them.
    if (Reflect.get(jsonSchema, 'additionalProperties') === false) {
      Reflect.deleteProperty(jsonSchema, 'additionalProperties')
    }
    // The limits of JavaScript's integers are no information.
    for (const bound of ['minimum', 'maximum']) {
      if (Math.abs(Reflect.get(jsonSchema, bound)) !== Number.MAX_SAFE_INTEGER) continue
      Reflect.deleteProperty(jsonSchema, bound)
    }
    // zod leaves out examples and defaults of schemas with a transform.
    const examples = z.globalRegistry.get(zodSchema)?.examples
    if (examples !== undefined) Reflect.set(jsonSchema, 'examples', examples)
    if (_zod.def.type === 'default') {
      Reflect.set(jsonSchema, 'default', Reflect.get(_zod.def, 'defaultValue'))
    }
  },
}
