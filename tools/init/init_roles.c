// SPDX-License-Identifier: Apache-2.0
#include "tools/init/init_roles.h"

/// The words that a role goes by, best first; each is a key in lower case without punctuation.
static const char *const USER_WORDS[] = {"userid",         "uid",          "user",
                                         "customerid",     "memberid",     "accountid",
                                         "personid",       "profileid",    "clientuserid",
                                         "distinctid",     "subscriberid", "playerid",
                                         "username",       "login",        "email",
                                         "customer",       "authuser",     "who",
                                         "clientusername", "remoteuser",   NULL};
/// An id of an event is different in every one; one that is not says whose it is.
static const char *const LAST_USER_WORDS[] = {"id", NULL};
static const char *const ANONYMOUS_WORDS[] = {
    "anonymousid",  "visitorid",     "deviceid",  "clientid",      "cookieid",  "userpseudoid",
    "domainuserid", "networkuserid", "browserid", "fingerprint",   "installid", "idfv",
    "gaid",         "cookie",        "visitor",   "device",        "sessionid", "session",
    "sid",          "visitid",       "carttoken", "checkouttoken", "token",     NULL};
static const char *const TIME_WORDS[] = {"time",
                                         "timestamp",
                                         "ts",
                                         "eventtime",
                                         "eventtimestamp",
                                         "datetime",
                                         "occurredat",
                                         "occurred",
                                         "clienttime",
                                         "createdat",
                                         "datecreatedgmt",
                                         "datecreated",
                                         "date",
                                         "at",
                                         "t",
                                         "when",
                                         "starttime",
                                         "startutc",
                                         "processedat",
                                         "loggedat",
                                         "originaltimestamp",
                                         "sentat",
                                         NULL};
static const char *const RECEIVED_WORDS[] = {
    "receivedat", "received",    "serverreceivedtime", "serverreceivedat", "receivetime",
    "ingestedat", "collectedat", "collectortstamp",    "arrivaltime",      "serverts",
    NULL};
static const char *const NAME_WORDS[] = {"event",    "eventname", "eventtype", "topic", "action",
                                         "activity", "verb",      "type",      "name",  "operation",
                                         "kind",     "what",      NULL};
static const char *const ID_WORDS[] = {"eventid", "messageid", "insertid", "uuid", "guid",
                                       "hitid",   "requestid", "traceid",  "id",   NULL};
static const char *const SESSION_WORDS[] = {"sessionid", "session",         "sid",
                                            "visitid",   "domainsessionid", NULL};
static const char *const SEQUENCE_WORDS[] = {"seq", "sequence", "sequencenumber", "eventindex",
                                             NULL};
static const char *const AMOUNT_WORDS[] = {
    "revenue",         "totalprice",    "ordertotal", "grandtotal", "totalamount", "amount",
    "purchaserevenue", "paymentamount", "total",      "ordervalue", NULL};
static const char *const CURRENCY_WORDS[] = {"currency", "currencycode", "isocurrency", "ccy",
                                             NULL};
static const char *const ADDRESS_WORDS[] = {
    "ip", "clientip", "remoteip", "remoteaddr", "ipaddress", "clienthost", "xforwardedfor", NULL};
/// What an event was worth where nothing says so, but what each thing costs.
static const char *const PRICE_WORDS[] = {"price", "unitprice", "itemprice", "productprice", NULL};
/// Of people, and nothing to cut by: not proposed.
static const char *const PERSONAL_WORDS[] = {
    "firstname", "lastname", "fullname", "email", "phone",    "phonenumber", "address",
    "address1",  "address2", "street",   "zip",   "postcode", "password",    NULL};
static const char *const AGENT_WORDS[] = {"useragent",        "agent", "ua",
                                          "requestuseragent", "a",     NULL};
/// Attributes that people cut by come before those that only happen to be there.
static const char *const CUT_WORDS[] = {"country",
                                        "countrycode",
                                        "region",
                                        "city",
                                        "device",
                                        "devicetype",
                                        "platform",
                                        "os",
                                        "osname",
                                        "browser",
                                        "language",
                                        "locale",
                                        "page",
                                        "path",
                                        "url",
                                        "uri",
                                        "host",
                                        "title",
                                        "referrer",
                                        "referer",
                                        "source",
                                        "medium",
                                        "campaign",
                                        "utmsource",
                                        "utmmedium",
                                        "utmcampaign",
                                        "channel",
                                        "category",
                                        "categorycode",
                                        "brand",
                                        "product",
                                        "productid",
                                        "itemid",
                                        "sku",
                                        "price",
                                        "quantity",
                                        "status",
                                        "method",
                                        "plan",
                                        "variant",
                                        "group",
                                        "orderid",
                                        "requestpath",
                                        "requestmethod",
                                        "requesthost",
                                        "requestreferer",
                                        "downstreamstatus",
                                        NULL};

static uint32_t rank_of(const struct init_path *path, const char *const *words)
{
    uint32_t rank = 0;
    while (words[rank] != NULL && !text_equal(path->words, text_from(words[rank])) &&
           !text_equal(path->owner, text_from(words[rank]))) {
        rank++;
    }
    return words[rank] == NULL ? UINT32_MAX : rank;
}

static uint64_t total_of(const struct init_paths *paths, const struct init_path *path)
{
    return path->in_element ? paths->elements : paths->documents;
}

/// Whether a path may have a role at all: there in at least one of a hundred.
static bool occurs(const struct init_paths *paths, const struct init_path *path)
{
    return !path->taken && path->present * 100 >= total_of(paths, path);
}

static bool any(const struct init_paths *paths, const struct init_path *path)
{
    (void)paths;
    return path->booleans == 0;
}

/// What tells people apart has many values; "device: phone" does not.
static bool is_identity(const struct init_paths *paths, const struct init_path *path)
{
    (void)paths;
    bool many = path->present < 50 ||
                (path->distinct >= 5 && path->distinct * UINT64_C(1000) >= path->present);
    return path->booleans == 0 && many;
}

static uint64_t time_count(const struct init_path *path)
{
    return path->texts + path->numbers - path->times[INIT_TIME_NONE];
}

static bool is_time(const struct init_paths *paths, const struct init_path *path)
{
    (void)paths;
    return path->present > 0 && time_count(path) * 100 >= path->present * 95;
}

/// Few different words: names of events repeat.
static bool is_name(const struct init_paths *paths, const struct init_path *path)
{
    (void)paths;
    bool few = path->present < 50 || path->distinct * UINT64_C(4) <= path->present;
    return path->texts == path->present && path->numeric_texts == 0 && !is_time(paths, path) &&
           path->distinct <= 1000 && few;
}

/// Ids of events are all different; whose they are repeats, seen often enough.
static bool is_repeated(const struct init_paths *paths, const struct init_path *path)
{
    return path->distinct < path->present && path->distinct >= 2 && is_identity(paths, path) &&
           path->present == total_of(paths, path);
}

/// A time that says its zone, or needs none.
static bool is_zoned_time(const struct init_paths *paths, const struct init_path *path)
{
    return is_time(paths, path) && path->times[INIT_TIME_TEXT_LOCAL] == 0;
}

static bool is_unique(const struct init_paths *paths, const struct init_path *path)
{
    bool all = path->distinct == path->present || path->distinct == INIT_DISTINCT_MAX;
    return all && path->present * 2 >= total_of(paths, path) && path->booleans == 0 &&
           !is_time(paths, path);
}

static bool is_numeric(const struct init_paths *paths, const struct init_path *path)
{
    (void)paths;
    return path->present > 0 && path->numbers + path->numeric_texts == path->present;
}

static bool is_currency(const struct init_paths *paths, const struct init_path *path)
{
    (void)paths;
    return path->currencies > 0 && path->currencies == path->present;
}

/// The path whose word stands first, of equal ones that which is there most often, then the one
/// that lies highest.
static struct init_path *find(struct init_paths *paths, const char *const *words,
                              bool fits(const struct init_paths *, const struct init_path *))
{
    struct init_path *best = NULL;
    for (uint32_t index = 0; index < paths->count; index++) {
        struct init_path *path = &paths->paths[index];
        uint32_t rank = rank_of(path, words);
        if (rank == UINT32_MAX || !occurs(paths, path) || !fits(paths, path)) {
            continue;
        }
        uint32_t best_rank = best == NULL ? UINT32_MAX : rank_of(best, words);
        bool better =
            rank < best_rank || (rank == best_rank && path->present > best->present) ||
            (rank == best_rank && path->present == best->present && path->depth < best->depth);
        best = better ? path : best;
    }
    return best;
}

static struct init_path *take(struct init_path *path)
{
    if (path != NULL) {
        path->taken = true;
    }
    return path;
}

/// No known word: whatever holds times nearly always.
static struct init_path *find_any_time(struct init_paths *paths)
{
    struct init_path *best = NULL;
    for (uint32_t index = 0; index < paths->count; index++) {
        struct init_path *path = &paths->paths[index];
        bool mostly = path->present * 100 >= total_of(paths, path) * 95;
        if (!path->taken && mostly && is_time(paths, path) &&
            (best == NULL || path->depth < best->depth)) {
            best = path;
        }
    }
    return best;
}

/// Further paths of the same words, until there is one for every document. NULLs end them.
static void find_more(struct init_paths *paths, const struct init_path *first,
                      const char *const *words,
                      bool fits(const struct init_paths *, const struct init_path *),
                      struct init_path **more)
{
    uint64_t found = first == NULL ? 0 : first->present;
    for (uint32_t index = 0; first != NULL && index < INIT_MORE_COUNT; index++) {
        // Paths may be there together: what they hold in all says little.
        if (first->present >= total_of(paths, first) || found >= 2 * total_of(paths, first)) {
            return;
        }
        more[index] = take(find(paths, words, fits));
        if (more[index] == NULL) {
            return;
        }
        found += more[index]->present;
    }
}

static bool worth_an_attribute(const struct init_paths *paths, const struct init_path *path)
{
    if (path->in_list || rank_of(path, PERSONAL_WORDS) != UINT32_MAX) {
        return false;
    }
    bool repeats = path->distinct * UINT64_C(5) <= path->present || path->distinct <= 50 ||
                   is_numeric(paths, path);
    return occurs(paths, path) && repeats && !is_time(paths, path);
}

static void choose_attributes(struct init_paths *paths, struct init_roles *roles)
{
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t index = 0; index < paths->count; index++) {
            struct init_path *path = &paths->paths[index];
            bool known = rank_of(path, CUT_WORDS) != UINT32_MAX;
            bool wanted =
                round == 0 ? known && occurs(paths, path) : worth_an_attribute(paths, path);
            if (!path->taken && wanted && roles->attribute_count < INIT_ATTRIBUTE_COUNT_MAX) {
                roles->attributes[roles->attribute_count++] = take(path);
            }
        }
    }
}

/// Whether no user is known, or the only values seen stand for none.
static bool nobody(const struct init_roles *roles)
{
    const struct init_path *user = roles->user;
    return user == NULL || (user->distinct == 1 && (user->has_zero || user->has_dash));
}

void init_roles_choose(struct init_paths *paths, struct init_roles *roles)
{
    *roles = (struct init_roles){0};
    roles->received = take(find(paths, RECEIVED_WORDS, is_time));
    roles->time = find(paths, TIME_WORDS, is_time);
    if (roles->time != NULL && roles->time->times[INIT_TIME_TEXT_LOCAL] > 0) {
        struct init_path *zoned = find(paths, TIME_WORDS, is_zoned_time);
        bool as_often = zoned != NULL && zoned->present >= roles->time->present;
        roles->time = as_often ? zoned : roles->time;
    }
    take(roles->time);
    if (roles->time == NULL) {
        roles->time = take(find_any_time(paths));
    }
    find_more(paths, roles->time, TIME_WORDS, is_time, roles->more_times);
    if (roles->time == NULL && roles->received != NULL) {
        roles->time = roles->received;
        roles->received = NULL;
    }
    roles->user = take(find(paths, USER_WORDS, is_identity));
    find_more(paths, roles->user, USER_WORDS, is_identity, roles->more_users);
    roles->session = find(paths, SESSION_WORDS, any);
    roles->anonymous = take(find(paths, ANONYMOUS_WORDS, is_identity));
    if (roles->anonymous == NULL && nobody(roles)) {
        roles->address = take(find(paths, ADDRESS_WORDS, any));
        roles->agent = roles->address == NULL ? NULL : take(find(paths, AGENT_WORDS, any));
    }
    bool none = roles->user == NULL && roles->anonymous == NULL && roles->address == NULL;
    if (none && !paths->recognised) {
        roles->user = take(find(paths, LAST_USER_WORDS, is_repeated));
    }
    roles->name = take(find(paths, NAME_WORDS, is_name));
    find_more(paths, roles->name, NAME_WORDS, is_name, roles->more_names);
    roles->event_id = take(find(paths, ID_WORDS, is_unique));
    roles->sequence = take(find(paths, SEQUENCE_WORDS, is_numeric));
    roles->amount = take(find(paths, AMOUNT_WORDS, is_numeric));
    roles->currency = roles->amount == NULL ? NULL : take(find(paths, CURRENCY_WORDS, is_currency));
    roles->price = roles->amount == NULL ? find(paths, PRICE_WORDS, is_numeric) : NULL;
    choose_attributes(paths, roles);
}

const char *init_roles_unit(const struct init_path *path, bool *local_out)
{
    static const char *const UNITS[] = {"auto", "s", "ms", "us", "ns", "iso", "iso"};
    uint32_t kinds = 0;
    uint32_t last = 0;
    for (uint32_t unit = INIT_TIME_SECONDS; unit < INIT_TIME_COUNT; unit++) {
        kinds += path->times[unit] > 0;
        last = path->times[unit] > 0 ? unit : last;
    }
    *local_out = path->times[INIT_TIME_TEXT_LOCAL] > 0;
    return kinds == 1 && path->times[INIT_TIME_NONE] == 0 ? UNITS[last] : "auto";
}

const char *init_roles_type(const struct init_path *path)
{
    if (path->booleans == path->present) {
        return "boolean";
    }
    if (path->numbers + path->numeric_texts < path->present) {
        return "string";
    }
    // Identifiers written as numbers are labels; what is counted or paid is not.
    bool label =
        path->words.size > 2 && memcmp(path->words.bytes + path->words.size - 2, "id", 2) == 0;
    return label ? "string" : path->integers == path->present ? "integer" : "number";
}
