/** An OpenAPI document as the tests read it. */
export interface ApiDocument {
  openapi: string
  info: { title: string; version: string; description?: string }
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, ApiOperation>>
  components: {
    schemas: Record<string, ApiSchema>
    headers: Record<string, { description: string; schema: ApiSchema; example: unknown }>
    securitySchemes: Record<string, object>
  }
}

export interface ApiOperation {
  operationId?: string
  summary?: string
  description?: string
  tags?: string[]
  security?: object[]
  parameters?: ApiParameter[]
  requestBody?: { required?: boolean; content: Record<string, ApiMedia> }
  responses: Record<string, ApiResponse>
  /** References to the schemas of messages, by their sender. */
  'x-messages'?: { worker: { $ref: string }[]; client: { $ref: string }[] }
}

export interface ApiParameter {
  name: string
  in: string
  required?: boolean
  description?: string
  example?: unknown
  schema: ApiSchema
}

export interface ApiResponse {
  description: string
  headers?: Record<string, { $ref: string }>
  content?: Record<string, ApiMedia>
}

export interface ApiMedia {
  schema: ApiSchema
  examples?: Record<string, { value: unknown }>
}

export type ApiSchema = { [keyword: string]: unknown }

export interface FoundOperation {
  path: string
  method: string
  operation: ApiOperation
}

export function operationsOf(document: ApiDocument): FoundOperation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
}

/** A JSON pointer into the document, as a reference. */
export function pointer(...segments: string[]): string {
  const escaped = segments.map((each) => each.replaceAll('~', '~0').replaceAll('/', '~1'))
  return `#/${escaped.map(encodeURIComponent).join('/')}`
}
