import { useEffect, useRef, useState } from 'preact/hooks'
import { Icon } from '../ui/icon.tsx'

export interface PasswordFormProps {
  unlock: (password: string) => Promise<string | null>
  onUnlocked: () => void
}

/** Asks for the password of a share. */
export function PasswordForm({ unlock, onUnlocked }: PasswordFormProps) {
  const [fault, setFault] = useState('')
  const [isBusy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    const password = field.current?.value ?? ''
    if (password === '' || isBusy) return field.current?.focus()
    setBusy(true)
    const words = await unlock(password)
    setBusy(false)
    if (words === null) return onUnlocked()
    setFault(words)
    field.current?.select()
    field.current?.focus()
  }

  return (
    <section class="card share-card share-narrow">
      <span class="share-mark">
        <Icon name="key" />
      </span>
      <h1>A password opens this</h1>
      <p class="dim">The person who sent you the link knows it.</p>
      <form class="share-form" onSubmit={(event) => void submit(event)}>
        <label class="label" for="password">
          Password
        </label>
        <input
          ref={field}
          id="password"
          class="field"
          type="password"
          autocomplete="current-password"
          required
          aria-invalid={fault !== ''}
          aria-describedby="password-fault"
          onInput={() => setFault('')}
        />
        <p id="password-fault" class={fault ? 'fault' : 'unseen'} role="alert">
          {fault && <Icon name="warning" />}
          {fault}
        </p>
        <button type="submit" class="button main" aria-disabled={isBusy}>
          {isBusy ? 'Opening…' : 'Open'}
        </button>
      </form>
    </section>
  )
}
