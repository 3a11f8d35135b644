//! The window's commands: each translates, calls the home, and returns.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use homeward_core::crudn::{Href, Method, Request};
use homeward_core::view::{
    Account, AccountCheck, AccountForm, Answer, Exchanged, Knowers, Move, Movers, Observed, OnboardChoice, Run,
    ServerSuggestion, Snapshot, Takeover, TakeoverMethod, Via,
};
use homeward_core::{Code, Error, Home, Numbered, Secret};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::async_runtime::JoinHandle;
use tauri::ipc::{Channel, Invoke};
use tauri::{AppHandle, State};
use tauri_plugin_clipboard_manager::ClipboardExt as _;
use tauri_plugin_dialog::{DialogExt as _, FilePath};

/// All of them.
pub(crate) fn all() -> impl Fn(Invoke) -> bool {
    tauri::generate_handler![
        snapshot,
        subscribe,
        start_search,
        stop_search,
        add_address,
        suggest_server,
        check_account,
        set_account,
        forget_account,
        forget_device,
        who_knows,
        change_password,
        begin_move,
        who_moves,
        move_devices,
        finish_move,
        stop_move,
        try_now,
        onboard,
        onboard_with_own_accounts,
        cancel_onboarding,
        undo_onboarding,
        take_account_back,
        renew_passwords,
        use_account_for,
        shut_out,
        take_over,
        answer_pin,
        cancel_takeover,
        finish_takeover,
        give_up,
        forget_key,
        save_backup,
        restore_backup,
        request,
        request_shown,
        observe,
        stop_observing,
        set,
        set_together,
        watch,
        choose_ca_file,
        copy_text,
    ]
}

/// What goes over the window's channel.
#[derive(Clone, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Told {
    /// The next events.
    Events { events: Vec<Numbered> },
    /// Some were dropped: take a new snapshot.
    Lagged,
}

#[tauri::command]
fn snapshot(home: State<'_, Home>) -> Snapshot {
    home.snapshot()
}

#[tauri::command]
fn subscribe(home: State<'_, Home>, channel: Channel<Told>) {
    let mut events = home.subscribe();
    tauri::async_runtime::spawn(async move {
        while let Some(batch) = events.next().await {
            let told = batch.map_or(Told::Lagged, |events| Told::Events { events });
            if channel.send(told).is_err() {
                return;
            }
        }
    });
}

#[tauri::command]
async fn start_search(home: State<'_, Home>) -> Result<(), Error> {
    home.start_search();
    Ok(())
}

#[tauri::command]
async fn stop_search(home: State<'_, Home>) -> Result<(), Error> {
    home.stop_search();
    Ok(())
}

#[tauri::command]
async fn add_address(home: State<'_, Home>, address: String) -> Result<Vec<String>, Error> {
    home.add_address(&address).await
}

#[tauri::command]
async fn suggest_server(home: State<'_, Home>, jid: String) -> Result<ServerSuggestion, Error> {
    home.suggest_server(&jid).await
}

#[tauri::command]
async fn check_account(
    home: State<'_, Home>,
    form: AccountForm,
    password: Option<String>,
) -> Result<AccountCheck, Error> {
    home.check_account(&form, password.map(Secret::new)).await
}

#[tauri::command]
async fn set_account(home: State<'_, Home>, form: AccountForm, password: Option<String>) -> Result<Account, Error> {
    home.set_account(&form, password.map(Secret::new)).await
}

#[tauri::command]
async fn forget_account(home: State<'_, Home>) -> Result<(), Error> {
    home.forget_account().await
}

#[tauri::command]
fn forget_device(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.forget_device(&id)
}

#[tauri::command]
fn who_knows(home: State<'_, Home>) -> Knowers {
    home.who_knows()
}

#[tauri::command]
async fn begin_move(home: State<'_, Home>, form: AccountForm, password: Option<String>) -> Result<Move, Error> {
    home.begin_move(&form, password.map(Secret::new)).await
}

#[tauri::command]
fn who_moves(home: State<'_, Home>) -> Movers {
    home.who_moves()
}

#[tauri::command]
async fn move_devices(home: State<'_, Home>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
    home.move_devices(choices).await
}

#[tauri::command]
async fn finish_move(home: State<'_, Home>, left_out: Vec<String>, delete_old: bool) -> Result<(), Error> {
    home.finish_move(left_out, delete_old).await
}

#[tauri::command]
async fn stop_move(home: State<'_, Home>) -> Result<(), Error> {
    home.stop_move().await
}

#[tauri::command]
async fn change_password(
    home: State<'_, Home>,
    password: String,
    choices: Vec<OnboardChoice>,
    left_out: Vec<String>,
) -> Result<Vec<Run>, Error> {
    home.change_password(Secret::new(password), choices, left_out).await
}

#[tauri::command]
fn try_now(home: State<'_, Home>) {
    home.try_now();
}

#[tauri::command]
async fn onboard_with_own_accounts(home: State<'_, Home>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
    home.onboard_with_own_accounts(choices).await
}

#[tauri::command]
async fn onboard(home: State<'_, Home>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
    home.onboard(choices).await
}

#[tauri::command]
fn cancel_onboarding(home: State<'_, Home>, id: String) {
    home.cancel_onboarding(&id);
}

#[tauri::command]
async fn renew_passwords(home: State<'_, Home>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
    home.renew_passwords(choices).await
}

#[tauri::command]
async fn use_account_for(home: State<'_, Home>, id: String, jid: String, password: String) -> Result<(), Error> {
    home.use_account_for(&id, &jid, Secret::new(password)).await
}

#[tauri::command]
async fn shut_out(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.shut_out(&id).await
}

#[tauri::command]
async fn take_account_back(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.take_account_back(&id).await
}

#[tauri::command]
async fn undo_onboarding(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.undo_onboarding(&id).await
}

#[tauri::command]
async fn take_over(home: State<'_, Home>, id: String, method: Option<TakeoverMethod>) -> Result<Takeover, Error> {
    home.take_over(&id, method)
}

#[tauri::command]
fn answer_pin(home: State<'_, Home>, id: String, pin: String) -> Result<(), Error> {
    home.answer_pin(&id, Secret::new(pin))
}

#[tauri::command]
fn cancel_takeover(home: State<'_, Home>, id: String) {
    home.cancel_takeover(&id);
}

#[tauri::command]
async fn finish_takeover(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.finish_takeover(&id).await
}

#[tauri::command]
async fn give_up(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.give_up(&id).await
}

#[tauri::command]
async fn forget_key(home: State<'_, Home>, id: String) -> Result<(), Error> {
    home.forget_key(&id).await
}

/// Returns how many devices' keys were written; nothing, where no file was chosen.
#[tauri::command]
async fn save_backup(app: AppHandle, home: State<'_, Home>, passphrase: String) -> Result<Option<usize>, Error> {
    let passphrase = Secret::new(passphrase);
    let (chosen, choice) = tokio::sync::oneshot::channel();
    let dialog = app.dialog().file().set_file_name("homeward.backup");
    dialog.save_file(|file| drop(chosen.send(file)));
    match path_of(choice.await.ok().flatten()) {
        Some(file) => home.save_backup(&file, passphrase).await.map(Some),
        None => Ok(None),
    }
}

#[tauri::command]
async fn restore_backup(app: AppHandle, home: State<'_, Home>, passphrase: String) -> Result<Option<usize>, Error> {
    let passphrase = Secret::new(passphrase);
    let (chosen, choice) = tokio::sync::oneshot::channel();
    app.dialog().file().pick_file(|file| drop(chosen.send(file)));
    match path_of(choice.await.ok().flatten()) {
        Some(file) => home.restore_backup(&file, passphrase).await.map(Some),
        None => Ok(None),
    }
}

fn path_of(file: Option<FilePath>) -> Option<PathBuf> {
    file?.into_path().ok()
}

/// A request as a person wrote it.
#[derive(Deserialize)]
struct Written {
    method: Method,
    href: Href,
    body: Option<Value>,
}

#[tauri::command]
async fn request(home: State<'_, Home>, id: String, request: Written, via: Via) -> Result<Answer, Error> {
    let Written { method, href, body } = request;
    home.request(&id, Request { method, href, body, observe: None }, via).await
}

#[tauri::command]
async fn request_shown(home: State<'_, Home>, id: String, request: Written, via: Via) -> Result<Exchanged, Error> {
    let Written { method, href, body } = request;
    Ok(home.request_shown(&id, Request { method, href, body, observe: None }, via).await)
}

/// The observation that a person has under way on a device's page, by the window's own number.
#[derive(Default)]
pub(crate) struct Observing(Mutex<Option<(u32, JoinHandle<()>)>>);

impl Observing {
    fn take(&self) -> MutexGuard<'_, Option<(u32, JoinHandle<()>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tauri::command]
fn observe(
    home: State<'_, Home>,
    observing: State<'_, Observing>,
    number: u32,
    id: String,
    href: Href,
    channel: Channel<Observed>,
) {
    let home = home.inner().clone();
    let task = tauri::async_runtime::spawn(async move {
        let mut observation = home.observe_shown(&id, href, Via::Auto).await;
        while let Some(observed) = observation.next().await {
            if channel.send(observed).is_err() {
                return;
            }
        }
    });
    if let Some((_, before)) = observing.take().replace((number, task)) {
        before.abort();
    }
}

#[tauri::command]
fn stop_observing(observing: State<'_, Observing>, number: u32) {
    if let Some((_, task)) = observing.take().take_if(|(under_way, _)| *under_way == number) {
        task.abort();
    }
}

#[tauri::command]
async fn set(home: State<'_, Home>, id: String, href: Href, value: Value) -> Result<(), Error> {
    home.set(&id, href, value).await
}

#[tauri::command]
async fn set_together(
    home: State<'_, Home>,
    id: String,
    collection: Href,
    members: Vec<Href>,
    value: Value,
) -> Result<(), Error> {
    home.set_together(&id, collection, members, value).await
}

#[tauri::command]
async fn watch(home: State<'_, Home>, ids: Vec<String>) -> Result<(), Error> {
    home.watch(ids);
    Ok(())
}

#[tauri::command]
async fn choose_ca_file(app: AppHandle) -> Option<String> {
    let (chosen, choice) = tokio::sync::oneshot::channel();
    let dialog = app.dialog().file().add_filter("Certificates", &["pem", "crt", "cer"]);
    dialog.pick_file(|file| drop(chosen.send(file)));
    path_of(choice.await.ok()?).map(|path| path.to_string_lossy().into_owned())
}

#[tauri::command]
fn copy_text(app: AppHandle, text: String) -> Result<(), Error> {
    let failed = |error: tauri_plugin_clipboard_manager::Error| Error::new(Code::Internal, error.to_string());
    app.clipboard().write_text(text).map_err(failed)
}
