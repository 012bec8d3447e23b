// SPDX-License-Identifier: Apache-2.0
#include "ingest/decode/mapping.h"

#define SEGMENT_FIELDS(prefix)                                                                     \
    "user: '" prefix "userId'\n"                                                                   \
    "anonymous: '" prefix "anonymousId'\n"                                                         \
    "links:\n"                                                                                     \
    "  - { event: identify, anonymous: '" prefix "anonymousId' }\n"                                \
    "  - { event: alias, anonymous: '" prefix "previousId', alias: '" prefix "previousId' }\n"     \
    "time: ['" prefix "timestamp', '" prefix "originalTimestamp', '" prefix "sentAt']\n"           \
    "received: '" prefix "receivedAt'\n"                                                           \
    "name: ['" prefix "event', '" prefix "type']\n"                                                \
    "names: { page: visit, screen: visit }\n"                                                      \
    "event_id: '" prefix "messageId'\n"                                                            \
    "revenue:\n"                                                                                   \
    "  amount: ['" prefix "properties.revenue', '" prefix "properties.total']\n"                   \
    "  currency: '" prefix "properties.currency'\n"                                                \
    "attributes:\n"                                                                                \
    "  type: '" prefix "type'\n"                                                                   \
    "  page: '" prefix "name'\n"                                                                   \
    "  url: ['" prefix "context.page.url', '" prefix "properties.url']\n"                          \
    "  path: ['" prefix "context.page.path', '" prefix "properties.path']\n"                       \
    "  title: ['" prefix "context.page.title', '" prefix "properties.title']\n"                    \
    "  referrer: ['" prefix "context.page.referrer', '" prefix "properties.referrer']\n"           \
    "  source: '" prefix "context.campaign.source'\n"                                              \
    "  medium: '" prefix "context.campaign.medium'\n"                                              \
    "  campaign: '" prefix "context.campaign.name'\n"                                              \
    "  country: ['" prefix "context.location.country', '" prefix                                   \
    "context.traits.address.country']\n"                                                           \
    "  device: '" prefix "context.device.type'\n"                                                  \
    "  os: '" prefix "context.os.name'\n"                                                          \
    "  locale: '" prefix "context.locale'\n"                                                       \
    "  session_id: '" prefix "context.sessionId'\n"                                                \
    "  product_id: ['" prefix "properties.product_id', '" prefix                                   \
    "properties.products[0].product_id']\n"                                                        \
    "  category: ['" prefix "properties.category', '" prefix "properties.products[0].category']\n" \
    "  coupon: '" prefix "properties.coupon'\n"                                                    \
    "  price: { path: '" prefix "properties.price', type: number }\n"                              \
    "  quantity: { path: '" prefix "properties.quantity', type: number }\n"                        \
    "  order_id: '" prefix "properties.order_id'\n"

#define GENERIC_FIELDS                                                                             \
    "user: [user_id, userId, user, uid, customer_id]\n"                                            \
    "anonymous: [anonymous_id, anonymousId, visitor_id, device_id, client_id, session_id,\n"       \
    "  session]\n"                                                                                 \
    "time: [time, timestamp, ts, event_time]\n"                                                    \
    "received: [received, received_at, receivedAt]\n"                                              \
    "sequence: [seq, sequence]\n"                                                                  \
    "name: [event, event_name, event_type, name, type, action]\n"                                  \
    "event_id: [event_id, eventId, message_id, messageId, insert_id]\n"                            \
    "revenue: { amount: [revenue, amount, total], currency: currency }\n"                          \
    "attributes:\n"                                                                                \
    "  country: country\n"                                                                         \
    "  device: device\n"                                                                           \
    "  page: [page, path]\n"                                                                       \
    "  url: url\n"                                                                                 \
    "  referrer: [referrer, referer]\n"                                                            \
    "  source: [source, utm_source]\n"                                                             \
    "  medium: [medium, utm_medium]\n"                                                             \
    "  campaign: [campaign, utm_campaign]\n"                                                       \
    "  product_id: [product_id, product, item_id, sku]\n"                                          \
    "  category: [category, category_code]\n"                                                      \
    "  brand: brand\n"                                                                             \
    "  price: { path: price, type: number }\n"                                                     \
    "  group: group\n"

static const char preset_segment[] = "format: json\n" SEGMENT_FIELDS("");
static const char preset_segment_batch[] =
    "format: json\nunroll: batch\n" SEGMENT_FIELDS("batch[].");
static const char preset_generic[] = "format: json\n" GENERIC_FIELDS;
static const char preset_generic_csv[] = "format: csv\n" GENERIC_FIELDS;

static const char preset_otto[] = "format: json\n"
                                  "unroll: events\n"
                                  "anonymous: session\n"
                                  "time: { path: 'events[].ts', unit: ms }\n"
                                  "name: 'events[].type'\n"
                                  "names: { clicks: click, carts: cart, orders: order }\n"
                                  "attributes:\n"
                                  "  aid: { path: 'events[].aid', type: integer }\n";

static const char preset_combined[] = "format: combined\n"
                                      "user: authuser\n"
                                      "anonymous: { join: [ip, agent] }\n"
                                      "time: { path: time, unit: iso }\n"
                                      "name: { const: visit }\n"
                                      "attributes:\n"
                                      "  method: method\n"
                                      "  path: path\n"
                                      "  status: { path: status, type: integer }\n"
                                      "  bytes: { path: bytes, type: integer }\n"
                                      "  referrer: referrer\n"
                                      "  agent: agent\n";

static const char *const preset_names[] = {"segment",
                                           "segment_batch",
                                           "rudderstack",
                                           "otto",
                                           "combined",
                                           "generic",
                                           "generic_csv",
                                           "ga4",
                                           "posthog",
                                           "mixpanel",
                                           "amplitude",
                                           "snowplow",
                                           "snowplow_tsv",
                                           "cloudevents",
                                           "shopify",
                                           "shopify_checkouts",
                                           "access_log",
                                           "matomo",
                                           "bitly",
                                           "woocommerce",
                                           NULL};
static const char *const preset_texts[] = {preset_segment,
                                           preset_segment_batch,
                                           mapping_preset_rudderstack,
                                           preset_otto,
                                           preset_combined,
                                           preset_generic,
                                           preset_generic_csv,
                                           mapping_preset_ga4,
                                           mapping_preset_posthog,
                                           mapping_preset_mixpanel,
                                           mapping_preset_amplitude,
                                           mapping_preset_snowplow,
                                           mapping_preset_snowplow_tsv,
                                           mapping_preset_cloudevents,
                                           mapping_preset_shopify,
                                           mapping_preset_shopify_checkouts,
                                           mapping_preset_access_log,
                                           mapping_preset_matomo,
                                           mapping_preset_bitly,
                                           mapping_preset_woocommerce};

const char *const *mapping_preset_names(void)
{
    return preset_names;
}

const char *mapping_preset_text(struct text name)
{
    for (uint32_t index = 0; preset_names[index] != NULL; index++) {
        if (text_equal(name, text_from(preset_names[index]))) {
            return preset_texts[index];
        }
    }
    return NULL;
}
