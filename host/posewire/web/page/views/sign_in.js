/** Sign in with a token of the host. */

import { html } from "/vendor/htm-preact.js";
import { ask, useOutcome } from "../api.js";
import { Command, Form, Outcome } from "../parts.js";
import { t } from "../text.js";

export function SignIn({ onSession }) {
  const [outcome, run] = useOutcome();
  const signIn = ({ token }) => run(async () => onSession(await ask("/api/session", { body: { token } })));
  return html`<section class="card">
    <h1>${t("Sign in")}</h1>
    <p>${t("This host asks who you are. Enter a token: the shared one, or one that was made for you.")}</p>
    <${Form} label=${t("Sign in")} button=${t("Sign in")} onSubmit=${signIn}>
      <label class="grow">${t("Token")} <input name="token" type="password" autocomplete="current-password" required style=${{ width: "100%" }} /></label>
    <//>
    <${Outcome} outcome=${outcome} />
    <p class="faint">${t("On the host's machine, this makes a token for looking, and one for everything:")}</p>
    <${Command} text="posewire tokens issue NAME --scope operator.read --scope room.join" />
    <${Command} text="posewire tokens issue NAME" />
  </section>`;
}
