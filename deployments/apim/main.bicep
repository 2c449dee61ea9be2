// API Management in front of an Azure ML web service: the API with its operations, two products, policies, a
// subscription. The files beside this one are loaded as they are; the local gateway enforces the same files.
//
//   az deployment group create --resource-group <group> --template-file main.bicep --parameters @main.parameters.json

targetScope = 'resourceGroup'

@description('Name of the API Management service; first part of its address <name>.azure-api.net.')
@minLength(1)
@maxLength(50)
param serviceName string

@description('Create the service. With false it must exist in this resource group.')
param createService bool = false

@description('Region of a new service.')
param location string = resourceGroup().location

@description('Tier of a new service. rate-limit-by-key is not available in Consumption.')
@allowed([
  'Consumption'
  'Developer'
  'Basic'
  'BasicV2'
  'Standard'
  'StandardV2'
  'Premium'
])
param skuName string = 'Developer'

@description('Organisation that a new service shows.')
param publisherName string = 'demoazureml'

@description('Where a new service sends its notifications.')
param publisherEmail string = ''

@description('Address of the web service, without its operations.')
param webServiceUrl string = 'https://ussouthcentral.services.azureml.net'

@description('First part of the public path of the API.')
param apiSuffix string = 'azureml-demo'

@description('Key of the web service. If it is given, the gateway sends it and callers need not; else callers bring it.')
@secure()
param webServiceApiKey string = ''

@description('Product of the subscription that is made.')
@allowed([
  'starter'
  'unlimited'
])
param subscriptionProduct string = 'starter'

var bringsKey = !empty(webServiceApiKey)

resource newService 'Microsoft.ApiManagement/service@2024-05-01' = if (createService) {
  name: serviceName
  location: location
  sku: {
    name: skuName
    capacity: skuName == 'Consumption' ? 0 : 1
  }
  properties: {
    publisherName: publisherName
    publisherEmail: publisherEmail
  }
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource apiKey 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = if (bringsKey) {
  parent: service
  name: 'aml-api-key'
  properties: {
    displayName: 'aml-api-key'
    secret: true
    value: webServiceApiKey
  }
  dependsOn: [
    newService
  ]
}

// The import makes the operations: rrs-execute, bes-submit, bes-start, bes-status, bes-delete,
// service-description.
resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'azureml-demo'
  properties: {
    displayName: 'AzureML Demo API'
    path: apiSuffix
    protocols: [
      'https'
    ]
    serviceUrl: webServiceUrl
    subscriptionRequired: true
    subscriptionKeyParameterNames: {
      header: 'Ocp-Apim-Subscription-Key'
      query: 'subscription-key'
    }
    format: 'openapi+json'
    value: loadTextContent('openapi.json')
  }
  dependsOn: [
    newService
  ]
}

resource apiPolicy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: api
  name: 'policy'
  properties: {
    format: 'xml'
    value: bringsKey ? loadTextContent('policies/api-with-key.xml') : loadTextContent('policies/api.xml')
  }
  dependsOn: [
    apiKey
  ]
}

resource rrsExecute 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' existing = {
  parent: api
  name: 'rrs-execute'
}

resource rrsExecutePolicy 'Microsoft.ApiManagement/service/apis/operations/policies@2024-05-01' = {
  parent: rrsExecute
  name: 'policy'
  properties: {
    format: 'xml'
    value: loadTextContent('policies/operation-rrs-execute.xml')
  }
}

resource besStatus 'Microsoft.ApiManagement/service/apis/operations@2024-05-01' existing = {
  parent: api
  name: 'bes-status'
}

resource besStatusPolicy 'Microsoft.ApiManagement/service/apis/operations/policies@2024-05-01' = {
  parent: besStatus
  name: 'policy'
  properties: {
    format: 'xml'
    value: loadTextContent('policies/operation-bes-status.xml')
  }
}

resource starter 'Microsoft.ApiManagement/service/products@2024-05-01' = {
  parent: service
  name: 'starter'
  properties: {
    displayName: 'Starter'
    description: '5 calls a minute, 100 calls a week.'
    subscriptionRequired: true
    approvalRequired: false
    state: 'published'
  }
  dependsOn: [
    newService
  ]
}

resource starterPolicy 'Microsoft.ApiManagement/service/products/policies@2024-05-01' = {
  parent: starter
  name: 'policy'
  properties: {
    format: 'xml'
    value: loadTextContent('policies/product-starter.xml')
  }
}

resource starterApi 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = {
  parent: starter
  name: api.name
}

resource unlimited 'Microsoft.ApiManagement/service/products@2024-05-01' = {
  parent: service
  name: 'unlimited'
  properties: {
    displayName: 'Unlimited'
    description: 'No limit of its own; an administrator approves subscriptions.'
    subscriptionRequired: true
    approvalRequired: true
    state: 'published'
  }
  dependsOn: [
    newService
  ]
}

resource unlimitedPolicy 'Microsoft.ApiManagement/service/products/policies@2024-05-01' = {
  parent: unlimited
  name: 'policy'
  properties: {
    format: 'xml'
    value: loadTextContent('policies/product-unlimited.xml')
  }
}

resource unlimitedApi 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = {
  parent: unlimited
  name: api.name
}

resource batchScoring 'Microsoft.ApiManagement/service/subscriptions@2024-05-01' = {
  parent: service
  name: 'batch-scoring'
  properties: {
    displayName: 'batch-scoring'
    scope: subscriptionProduct == 'starter' ? starter.id : unlimited.id
    state: 'active'
  }
}

@description('What the pipeline is given as BATCH_SCORING_ENDPOINT_URL.')
output endpointUrl string = '${service.properties.gatewayUrl}/${apiSuffix}'

@description('The subscription whose keys open the API; a key itself is never an output.')
output subscriptionName string = batchScoring.name
